// The main function of every test program below tests/http: doctest's own, and nothing else. Compiled once, into the
// harness library, because it takes longer than any test file.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
