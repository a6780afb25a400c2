target_link_libraries(fuzz_http_hpack PRIVATE ${NGHTTP2_LIBRARY})
