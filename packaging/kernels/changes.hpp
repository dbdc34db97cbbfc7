// What a client must get while files change under the server: old or new, never a mixture, and the new soon.
#pragma once

#include <cstdint>
#include <string>

#include "checks.hpp"

/// Files come, are replaced, rewritten and deleted in `directory`, which is served at /live/.
void check_changes(Count& count, std::uint16_t port, const std::string& directory);

/// The link `directory`/current, the root, goes from one release to another; afterwards every file is of the new one.
void check_release_switch(Count& count, std::uint16_t port, const std::string& directory, int from, int to);

/// `directory`/current, made or switched in one step.
bool point_to_release(const std::string& directory, int release);
