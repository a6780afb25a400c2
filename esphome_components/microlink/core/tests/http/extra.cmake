# nghttp2 is the oracle of our HTTP/2 subset: in tests only.
target_link_libraries(test_http PRIVATE ${NGHTTP2_LIBRARY})
