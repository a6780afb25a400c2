# The coordination server of the tests, which says with GoogleTest what it does not understand.
set(googletest /usr/src/googletest/googletest)
target_sources(fuzz_client_engine PRIVATE tests/support/control_server.cpp tests/noise/responder.cpp
               ${googletest}/src/gtest-all.cc)
target_include_directories(fuzz_client_engine SYSTEM PRIVATE ${MICROLINK_DEPS_PREFIX}/include ${googletest}/include
                           ${googletest})
target_compile_options(fuzz_client_engine PRIVATE -Wno-missing-field-initializers)
target_link_libraries(fuzz_client_engine PRIVATE pthread)
