# The tests bring a TLS server of the same library.
target_include_directories(test_tls SYSTEM PRIVATE ${MICROLINK_DEPS_PREFIX}/include)
target_compile_definitions(test_tls PRIVATE MICROLINK_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus")
