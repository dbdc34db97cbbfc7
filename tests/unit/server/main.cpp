// The test program of server/'s parts: doctest's main, compiled once. The room as a whole is tested in tests/sim.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
