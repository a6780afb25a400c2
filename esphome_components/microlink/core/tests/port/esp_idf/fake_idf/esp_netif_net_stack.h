/* SPDX-License-Identifier: MIT */
#pragma once
#include "esp_netif.h"

#ifdef __cplusplus
extern "C"
#endif
    void *
    esp_netif_get_netif_impl(esp_netif_t *interface);
