// The one place where an errno of a served file becomes a status. Every row has a test.
#pragma once

namespace uringd::disk {

struct Failure {
  int status;
  bool worth_a_warning;  // the operator should see it: the disk or the process is at fault, not the request
};

/// `error_number` is positive, from openat2, read or statx of a served file.
Failure classify(int error_number);

}  // namespace uringd::disk
