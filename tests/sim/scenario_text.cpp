// A scenario in words, for the trace: what its seed has decided.
#include <chrono>
#include <string>

#include "scenario.hpp"

namespace uringd::sim {

using std::chrono::milliseconds;

std::string Scenario::text() const {
  const auto line = [](const char* name, uint64_t value) {
    return std::string(name) + "=" + std::to_string(value) + " ";
  };
  const auto ms = [&line](const char* name, milliseconds value) {
    return line(name, static_cast<uint64_t>(value.count()));
  };
  std::string text = "seed " + std::to_string(seed) + (gentle ? ", gentle\n" : ", wild\n");
  text += line("clients", clients.size()) + line("limit", connection_limit) +
          line("sq", options.ring.submission_entries) + line("buffers", options.ring.receive_buffers) +
          line("of", options.ring.receive_buffer_bytes) + line("single_accepts", options.ring.without_peer_name) +
          line("cache", options.cache_bytes) + line("stream_memory", options.stream_memory_bytes) +
          line("blocks", options.output_blocks) + line("queue", options.disk_queue_size) +
          line("input", options.input_bytes) + "\n";
  text += ms("header_ms", config->limits.header_timeout) + ms("idle_ms", config->limits.idle_timeout) +
          ms("send_ms", config->limits.send_timeout) + ms("disk_ms", config->disk.timeout) +
          line("max_file", config->cache.max_file_size_bytes) + ms("stale_ms", config->cache.stale_after) +
          line("piece", config->disk.stream_size_bytes) + line("requests", config->limits.requests_per_connection) +
          line("header_size", config->limits.header_size_bytes) + line("sites", config->sites.size()) + "\n";
  text += line("changes", changes) + line("within_ns", changes_within_ns) + line("big", big_bytes) +
          line("drain_at_ns", drain_at_ns) + line("failing", failing_files) + line("wall_steps", wall_steps) +
          line("coarse_times", coarse_times) + "\n";
  text += line("helper", helping.there) + line("lost", helping.lost) + line("refused", helping.refused) +
          line("notice_ns", helping.longest_delay_ns) + line("trees", helping.trees) + line("reloads", reloads) +
          line("overlays", overlays) + line("switches", helping.switches) + line("bumps", helping.bumps) +
          line("keep_previous_ms", helping.keep_previous_ms) + line("remote", helping.remote) +
          line("foreign", helping.foreign) + line("threads", options.ring.unbounded_workers) +
          line("kept_files", options.kept_files) + line("kept_descriptors", options.kept_descriptors) +
          ms("missing_ms", config->cache.missing_ttl) + ms("idle_after_ms", config->cache.idle_after) + "\n";
  return text + line("short_read", mischief.short_read) + line("read_error", mischief.read_error) +
         line("torn", mischief.torn_read) + line("open_error", mischief.open_error) +
         line("accept_error", mischief.accept_error) + line("lost_more", mischief.lost_more) +
         line("no_buffers", mischief.no_buffers) + line("short_receive", mischief.short_receive) +
         line("short_send", mischief.short_send) + line("send_error", mischief.send_error) +
         line("cancel_loses", mischief.cancel_loses) + line("interrupted", mischief.interrupted_wait) +
         line("held_back", mischief.held_back) + line("delay_ns", mischief.longest_delay_ns) +
         line("uncached", mischief.uncached) + line("slow", mischief.slow) + line("slowest_ns", mischief.slowest_ns) +
         line("late", mischief.late);
}

}  // namespace uringd::sim
