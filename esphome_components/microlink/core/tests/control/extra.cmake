# The scripted server speaks HTTP/2 with nghttp2 and shakes hands as the noise tests do.
target_link_libraries(test_control PRIVATE ${NGHTTP2_LIBRARY})
target_sources(test_control PRIVATE tests/noise/responder.cpp tests/http/nghttp2_server.cpp)
