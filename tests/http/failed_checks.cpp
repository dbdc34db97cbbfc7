// A doctest listener that counts.
#include "failed_checks.hpp"

#include <doctest/doctest.h>

namespace uringd::testing {
namespace {

struct FailureCount : doctest::IReporter {
  static int& so_far() {
    static int count = 0;
    return count;
  }
  explicit FailureCount(const doctest::ContextOptions& /*options*/) {}
  void report_query(const doctest::QueryData& /*data*/) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
  void test_case_start(const doctest::TestCaseData& /*data*/) override {}
  void test_case_reenter(const doctest::TestCaseData& /*data*/) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
  void test_case_exception(const doctest::TestCaseException& /*exception*/) override { ++so_far(); }
  void subcase_start(const doctest::SubcaseSignature& /*signature*/) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& data) override { so_far() += data.m_failed; }
  void log_message(const doctest::MessageData& data) override {
    if (data.m_severity != doctest::assertType::is_warn) ++so_far();
  }
  void test_case_skipped(const doctest::TestCaseData& /*data*/) override {}
};
REGISTER_LISTENER("failed_checks", 1, FailureCount);

}  // namespace

int failed_checks() { return FailureCount::so_far(); }

}  // namespace uringd::testing
