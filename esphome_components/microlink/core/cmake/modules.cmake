# microlink_module(NAME): library microlink_NAME from src/microlink/NAME, program test_NAME from tests/NAME,
# fuzz targets from fuzz/NAME_*.cpp with corpora in fuzz/corpus/<target>/.

file(READ ${CMAKE_CURRENT_SOURCE_DIR}/layers.toml MICROLINK_LAYERS)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/layers.toml)

set(MICROLINK_WARNINGS -Wconversion -Wshadow -Werror)
set(MICROLINK_CORE_FLAGS -fno-exceptions -fno-rtti ${MICROLINK_WARNINGS})
# What a test says is run once: optimizing it takes longer than it saves. The core in the same program is optimized, and so is
# what lets a day pass in seconds (tests/memory, tests/sim, tests/tailnet).
set(MICROLINK_TEST_FLAGS -O0 -Wno-missing-field-initializers)

# GoogleTest from Debian's source package, so that it is built with this build's flags (32 bit, sanitizers).
add_library(microlink_gtest STATIC EXCLUDE_FROM_ALL /usr/src/googletest/googletest/src/gtest-all.cc
            tests/support/vectors.cpp)
target_include_directories(microlink_gtest SYSTEM PUBLIC /usr/src/googletest/googletest/include
                           PRIVATE /usr/src/googletest/googletest)
target_include_directories(microlink_gtest PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR}/include
                           ${CMAKE_CURRENT_SOURCE_DIR})
# MICROLINK_VECTORS is the path of tests/vectors. Only sources that name it get it: the objects of all others do not
# depend on where the checkout is, and a compiler cache can serve them to every checkout.
function(microlink_vectors)
  foreach(source ${ARGN})
    file(STRINGS ${source} uses REGEX MICROLINK_VECTORS LIMIT_COUNT 1)
    if(uses)
      set_property(SOURCE ${source} APPEND PROPERTY COMPILE_DEFINITIONS
                   MICROLINK_VECTORS="${CMAKE_CURRENT_SOURCE_DIR}/../../../tests/vectors")
    endif()
  endforeach()
endfunction()
microlink_vectors(tests/support/vectors.cpp)
target_link_libraries(microlink_gtest PUBLIC pthread)

find_path(SODIUM_INCLUDE sodium.h HINTS ${MICROLINK_DEPS_PREFIX}/include)
if(MICROLINK_M32)
  set(SODIUM_LIBRARY ${MICROLINK_DEPS_PREFIX}/lib/libsodium.a)
  set(NGHTTP2_LIBRARY ${MICROLINK_DEPS_PREFIX}/lib/libnghttp2.a)
else()
  find_library(SODIUM_LIBRARY sodium)
  # The oracle of our HTTP/2 subset: in tests and fuzz targets only.
  find_library(NGHTTP2_LIBRARY nghttp2)
endif()

function(microlink_dependencies name out)
  string(REGEX MATCH "\n${name} = \\[([^]]*)\\]" _ "${MICROLINK_LAYERS}")
  if(NOT CMAKE_MATCH_0)
    message(FATAL_ERROR "module '${name}' is not in layers.toml")
  endif()
  string(REGEX MATCHALL "[a-z0-9*]+" names "${CMAKE_MATCH_1}")
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# microlink_fuzz_target(TARGET LIBRARY): fuzz/TARGET.cpp; without libFuzzer a replay of its corpus, as a test.
function(microlink_fuzz_target target library)
  add_executable(fuzz_${target} ${PROJECT_SOURCE_DIR}/fuzz/${target}.cpp)
  target_link_libraries(fuzz_${target} PRIVATE ${library})
  target_include_directories(fuzz_${target} PRIVATE ${PROJECT_SOURCE_DIR})
  if(EXISTS ${PROJECT_SOURCE_DIR}/fuzz/extra/${target}.cmake)
    include(${PROJECT_SOURCE_DIR}/fuzz/extra/${target}.cmake)
  endif()
  if(MICROLINK_FUZZ)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${target} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay.cpp)
    add_test(NAME fuzz_${target} COMMAND fuzz_${target} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${target})
  endif()
endfunction()

function(microlink_module name)
  file(GLOB sources CONFIGURE_DEPENDS src/microlink/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_library(microlink_${name} STATIC ${sources})
  target_include_directories(microlink_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_compile_options(microlink_${name} PRIVATE ${MICROLINK_CORE_FLAGS})
  microlink_dependencies(${name} dependencies)
  foreach(dependency ${dependencies})
    if(dependency STREQUAL "*")
      foreach(each base crypto json ip keys noise http tls stun tsmp disco derp wireguard tailcfg netmap filter
              control netcheck magicsock)
        if(TARGET microlink_${each})
          target_link_libraries(microlink_${name} PUBLIC microlink_${each})
        endif()
      endforeach()
    elseif(TARGET microlink_${dependency})
      target_link_libraries(microlink_${name} PUBLIC microlink_${dependency})
    endif()
  endforeach()
  if(name STREQUAL "crypto")
    target_include_directories(microlink_crypto SYSTEM PRIVATE ${SODIUM_INCLUDE})
    target_link_libraries(microlink_crypto PUBLIC ${SODIUM_LIBRARY})
  elseif(name STREQUAL "tls")
    target_include_directories(microlink_tls SYSTEM PRIVATE ${MICROLINK_TLS_PREFIX}/include)
    if(MICROLINK_CHIP)
      target_compile_definitions(microlink_tls PUBLIC MBEDTLS_USER_CONFIG_FILE="mbedtls/mbedtls_user_config.h")
    endif()
    target_link_libraries(microlink_tls PUBLIC ${MICROLINK_TLS_PREFIX}/lib/libmbedtls.a
                          ${MICROLINK_TLS_PREFIX}/lib/libmbedx509.a ${MICROLINK_TLS_PREFIX}/lib/libmbedcrypto.a)
  endif()
  set_property(GLOBAL APPEND PROPERTY MICROLINK_MODULES ${name})

  file(GLOB tests CONFIGURE_DEPENDS tests/${name}/*.cpp)
  if(tests)
    microlink_vectors(${tests})
    add_executable(test_${name} ${tests} tests/support/main.cpp)
    target_compile_options(test_${name} PRIVATE ${MICROLINK_TEST_FLAGS})
    target_link_libraries(test_${name} PRIVATE microlink_${name} microlink_gtest)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/tests/${name}/extra.cmake)
      include(tests/${name}/extra.cmake)
    endif()
    add_test(NAME ${name} COMMAND test_${name})
  endif()

  file(GLOB targets CONFIGURE_DEPENDS fuzz/${name}_*.cpp)
  foreach(source ${targets})
    get_filename_component(target ${source} NAME_WE)
    microlink_fuzz_target(${target} microlink_${name})
  endforeach()
endfunction()

# microlink_port_test(NAME PATTERN...): program test_port_NAME from tests/port/NAME/PATTERN, on library microlink_NAME.
function(microlink_port_test name)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/tests/port/${name}/ OUTPUT_VARIABLE patterns)
  file(GLOB tests CONFIGURE_DEPENDS ${patterns})
  add_executable(test_port_${name} ${tests} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp)
  target_compile_options(test_port_${name} PRIVATE ${MICROLINK_TEST_FLAGS})
  target_link_libraries(test_port_${name} PRIVATE microlink_${name} microlink_gtest)
  add_test(NAME port_${name} COMMAND test_port_${name})
endfunction()
