// The families of metrics, one after the other, each with its samples.
#include "uringd/admin/metrics.hpp"

#include <array>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "names.hpp"

namespace uringd::admin {
namespace {

struct Bound {
  std::string_view text;
  uint64_t ns;
};
constexpr std::array<Bound, 16> bounds = {{{"0.0001", 100'000},
                                           {"0.00025", 250'000},
                                           {"0.0005", 500'000},
                                           {"0.001", 1'000'000},
                                           {"0.0025", 2'500'000},
                                           {"0.005", 5'000'000},
                                           {"0.01", 10'000'000},
                                           {"0.025", 25'000'000},
                                           {"0.05", 50'000'000},
                                           {"0.1", 100'000'000},
                                           {"0.25", 250'000'000},
                                           {"0.5", 500'000'000},
                                           {"1", 1'000'000'000},
                                           {"2.5", 2'500'000'000},
                                           {"5", 5'000'000'000},
                                           {"10", 10'000'000'000}}};

struct Label {
  std::string_view name, value;
};

class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    put({"# HELP uringd_", name, " ", help, "\n# TYPE uringd_", name, " ", type, "\n"});
  }
  /// Of the process: no prefix, as all exporters have it.
  void process(std::string_view name, std::string_view type, std::string_view help, double value) {
    put({"# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n", name, " "});
    end(value);
  }
  template <typename Number>
  void sample(std::initializer_list<Label> labels, Number value, std::string_view suffix = "") {
    put({"uringd_", name_, suffix});
    bool first = true;
    for (const Label& label : labels) {
      if (label.name.empty()) continue;
      put({first ? "{" : ",", label.name, "=\""});
      escape(label.value);
      put({"\""});
      first = false;
    }
    put({first ? " " : "} "});
    end(value);
  }
  template <typename Number>
  void sample(Number value) {
    sample({}, value);
  }
  void gauge(std::string_view name, std::string_view help, uint64_t value) {
    family(name, "gauge", help);
    sample(value);
  }
  void counter(std::string_view name, std::string_view help, uint64_t value) {
    family(name, "counter", help);
    sample(value);
  }
  /// One histogram of the family.
  void histogram(Label label, const stats::Distribution& values) {
    for (const Bound& bound : bounds) sample({label, {"le", bound.text}}, values.count_up_to(bound.ns), "_bucket");
    sample({label, {"le", "+Inf"}}, values.count(), "_bucket");
    sample({label}, static_cast<double>(values.sum_ns()) / 1e9, "_sum");
    sample({label}, values.count(), "_count");
  }
  std::string take() { return std::move(text_); }

 private:
  void put(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) text_ += part;
  }
  template <typename Number>
  void end(Number value) {
    std::array<char, 32> digits;
    text_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
    text_ += '\n';
  }
  void escape(std::string_view value) {
    for (const char c : value) {
      if (c == '\\' || c == '"') text_ += '\\';
      if (c == '\n') {
        text_ += "\\n";
      } else {
        text_ += c;
      }
    }
  }

  std::string text_;
  std::string_view name_;
};

void put_requests(Text& text, const server::Figures& total) {
  text.family("http_requests_total", "counter", "Requests answered, by method and status.");
  for (size_t method = 0; method < server::counted_methods.size(); ++method) {
    for (size_t status = 0; status < server::counted_statuses.size(); ++status) {
      const uint64_t count = total.answers[method][status];
      const bool usual = method == 0 && server::counted_statuses[status] == 200;  // one is there from the beginning
      if (count == 0 && !usual) continue;
      text.sample({{"method", server::counted_methods[method]}, {"code", code_name(status)}}, count);
    }
  }
  text.family("http_request_duration_seconds", "histogram",
              "From the first byte of a request to the last byte of its answer, taken by the kernel.");
  text.histogram({}, total.of(server::Phase::request));
  text.family(
      "phase_duration_seconds", "histogram",
      "Where that time went: waiting for the disk's turn, opening, reading (where the disk was asked), sending.");
  for (size_t phase = 1; phase < server::phase_names.size(); ++phase) {
    text.histogram({"phase", server::phase_names[phase]}, total.latency[phase]);
  }
  text.counter("http_response_bytes_total", "Bytes of answers that the kernel took, heads and bodies.",
               total.response_bytes);
}

void put_connections(Text& text, const server::Figures& total) {
  text.family("connections", "gauge", "Open connections, by what they are doing.");
  for (const auto& [name, count] : states_of(total.connections)) text.sample({{"state", name}}, count);
  text.counter("connections_accepted_total", "Connections accepted.", total.accepted);
  text.counter("connections_closed_total", "Connections closed, by whomever.", total.closed);
  text.counter("connections_refused_total",
               "Connections closed without an answer: too many of one address, or without their PROXY header.",
               total.refused);
  text.counter("connections_timeouts_total", "Deadlines of connections and requests that passed.", total.timeouts);
  text.counter("connections_aborted_total", "Connections that broke, or had to be broken, before their answer's end.",
               total.aborted);
}

void put_cache(Text& text, const server::Figures::Cache& cache) {
  text.counter("cache_hits_total", "Answers from the cache, not older than cache.stale_after.", cache.hits);
  text.counter("cache_stale_total", "Answers from the cache while the disk did not answer.", cache.stale);
  text.family("cache_misses_total", "counter", "Answers for which the disk was asked.");
  text.sample({{"reason", "cold"}}, cache.cold);
  text.sample({{"reason", "expired"}}, cache.expired);
  text.family("cache_evictions_total", "counter", "Entries that left the cache.");
  for (size_t reason = 0; reason < eviction_names.size(); ++reason) {
    text.sample({{"reason", eviction_names[reason]}}, cache.evictions[reason]);
  }
  text.gauge("cache_entries", "Entries held, of all kinds, by all workers.", cache.entries);
  text.family("cache_bytes", "gauge", "Bytes held, by kind.");
  for (const auto& [name, bytes] : kinds_of(cache)) text.sample({{"kind", name}}, bytes);
  text.gauge("cache_capacity_bytes", "Bytes that may be held.", cache.capacity_bytes);
}

void put_machinery(Text& text, const server::Figures& total) {
  text.gauge("disk_queue_depth", "Disk operations in flight.", total.disk.queue_depth);
  text.gauge("disk_queue_size", "Disk operations that may be in flight.", total.disk.queue_size);
  text.counter("disk_rejected_total", "Requests refused because the disk queue was full.", total.disk.rejected);
  text.counter("disk_timeouts_total", "Requests that waited longer than disk.timeout.", total.disk.timeouts);
  text.counter("ring_enters_total", "Calls of io_uring_enter.", total.ring.enters);
  text.counter("ring_sqes_total", "Operations submitted.", total.ring.sqes);
  text.counter("ring_cqes_total", "Completions taken.", total.ring.cqes);
  text.counter("ring_cq_overflows_total", "Times that completions overflowed their queue.", total.ring.cq_overflows);
  text.counter("log_lines_total", "Lines of the access log written.", total.log.lines);
  text.counter("log_dropped_total", "Lines of the access log lost.", total.log.dropped);
}

void put_process(Text& text, const Report& report) {
  const ProcessFigures& process = report.process;
  text.process("process_cpu_seconds_total", "counter", "User and system time spent, in seconds.", process.cpu_s);
  text.process("process_resident_memory_bytes", "gauge", "Resident memory.",
               static_cast<double>(process.resident_bytes));
  text.process("process_virtual_memory_bytes", "gauge", "Virtual memory.", static_cast<double>(process.virtual_bytes));
  text.process("process_open_fds", "gauge", "Open file descriptors, clients' sockets not among them.",
               static_cast<double>(process.open_files));
  text.process("process_max_fds", "gauge", "File descriptors that may be open.",
               static_cast<double>(process.max_files));
  text.process("process_start_time_seconds", "gauge", "When the process started, since the epoch.",
               static_cast<double>(report.standing.started_ns) / 1e9);
}

}  // namespace

std::string render_metrics(const Report& report) {
  Text text;
  text.family("build_info", "gauge", "What is running; always 1.");
  text.sample({{"version", report.standing.version}}, 1);
  text.gauge("workers", "Threads that serve.", report.workers.size());
  put_requests(text, report.total);
  put_connections(text, report.total);
  put_cache(text, report.total.cache);
  put_machinery(text, report.total);
  text.gauge("config_last_reload_successful", "Whether the last reload was, 1 or 0.",
             report.standing.last_reload_successful ? 1 : 0);
  text.family("config_last_reload_success_timestamp_seconds", "gauge",
              "When the configuration in force was read, since the epoch.");
  text.sample(static_cast<double>(report.standing.last_successful_load_ns) / 1e9);
  text.counter("config_reloads_total", "Reloads tried.", report.standing.reloads);
  put_process(text, report);
  return text.take();
}

}  // namespace uringd::admin
