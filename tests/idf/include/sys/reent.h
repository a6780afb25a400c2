/* SPDX-License-Identifier: MIT
 * Debian's newlib declares this one constant, the chips' newer one does not. */
#define _global_impure_ptr _global_impure_ptr_of_an_older_newlib
#include_next <sys/reent.h>
#undef _global_impure_ptr
