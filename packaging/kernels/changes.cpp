// Every answer that comes meanwhile is compared: it must be one of those that could be right at that time.
#include "changes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "client.hpp"
#include "fetching.hpp"
#include "process.hpp"
#include "tree.hpp"

namespace {

constexpr int patience_s = 20;

bool replace_file(const std::string& path, const std::string& content) {
  return write_file(path + ".new", content) && std::rename((path + ".new").c_str(), path.c_str()) == 0;
}

/// One file whose content moves from step to step; `client` must see each, and nothing else.
class Changing {
 public:
  Changing(std::uint16_t port, const std::string& directory, const std::string& name, std::size_t size)
      : client_(port), file_(directory + "/" + name), target_("/live/" + name), size_(size) {}

  [[nodiscard]] std::string content(int step) const { return content_of(target_, step, size_ + std::size_t(step) * 7); }
  [[nodiscard]] const std::string& file() const { return file_; }

  /// Asks until the content is that of `step`; meanwhile `step` - 1 may come, and nothing where `empty_between`.
  bool becomes(Check& check, int step, bool empty_between) {
    bool right = true;
    const bool came = wait_until(patience_s, [&] {
      const Answer answer = client_.get(target_);
      const bool is_new = answer.is(200) && answer.body == content(step);
      const bool is_old = step == 0 ? answer.is(404) : answer.is(200) && answer.body == content(step - 1);
      const bool is_empty = empty_between && answer.is(200) && answer.body.empty();
      right = check.that(is_new || is_old || is_empty, target_ + ": neither old nor new, status " +
                                                           std::to_string(answer.status) + ", step " +
                                                           std::to_string(step)) &&
              right;
      return is_new || !right;
    });
    return check.that(came && right, target_ + ": step " + std::to_string(step) + " never came");
  }

  bool goes(Check& check, int step) {
    return check.that(wait_until(patience_s,
                                 [&] {
                                   const Answer answer = client_.get(target_);
                                   if (answer.is(404)) return true;
                                   return !check.that(answer.is(200) && answer.body == content(step),
                                                      target_ + ": neither there nor gone");
                                 }),
                      target_ + ": deleted, and still there");
  }

 private:
  Client client_;
  std::string file_;
  std::string target_;
  std::size_t size_;
};

}  // namespace

void check_changes(Count& count, std::uint16_t port, const std::string& directory) {
  Check made("a file that is made is found, though it was not there before");
  Check replaced("a file that is replaced: old or new, then new");
  Check rewritten("a file that is written again in place: old, empty or new, then new");
  Check deleted("a file that is deleted is gone");
  constexpr std::size_t sizes[] = {1, 700, 3000, 40'000, 70'000, 400'000};
  for (const std::size_t size : sizes) {
    Changing file(port, directory, "f" + std::to_string(size) + ".bin", size);
    Client(port).get("/live/f" + std::to_string(size) + ".bin");  // what is not there is remembered
    int step = 0;
    made.that(replace_file(file.file(), file.content(step)), "cannot write " + file.file());
    file.becomes(made, step, false);
    for (step = 1; step < 4; ++step) {
      replaced.that(replace_file(file.file(), file.content(step)), "cannot write " + file.file());
      file.becomes(replaced, step, false);
    }
    // One write of some pages: a reader between the truncation and it finds nothing.
    if (size <= 3000) {
      rewritten.that(write_file(file.file(), file.content(step)), "cannot write " + file.file());
      file.becomes(rewritten, step++, true);
    }
    deleted.that(unlink(file.file().c_str()) == 0, "cannot delete " + file.file());
    file.goes(deleted, step - 1);
  }
  for (const Check* check : {&made, &replaced, &rewritten, &deleted}) count.add(*check);
}

bool point_to_release(const std::string& directory, int release) {
  const std::string link = directory + "/current";
  const std::string next = directory + "/next";
  unlink(next.c_str());
  return symlink(("r" + std::to_string(release)).c_str(), next.c_str()) == 0 &&
         std::rename(next.c_str(), link.c_str()) == 0;
}

void check_release_switch(Count& count, std::uint16_t port, const std::string& directory, int from, int to) {
  Check order("from the first answer out of the new release on, nobody gets the old one");
  constexpr std::size_t connections = 12;  // on both workers, in all likelihood
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t index = 0; index < connections; ++index) clients.push_back(std::make_unique<Client>(port));
  const std::vector<File> files = tree_files();
  constexpr std::size_t small = 4096;
  std::size_t asked = 0;
  std::size_t news_in_a_row = 0;
  bool switched = false;
  const bool came = wait_until(patience_s, [&] {
    for (std::size_t turn = 0; turn < connections; ++turn) {
      const File* file = nullptr;
      while (!file || file->size < 64 || file->size > small) file = &files[asked++ % files.size()];
      const Answer answer = clients[turn]->get(file->path);
      const bool is_new = answer.is(200) && answer.body == content_of(file->path, to, file->size);
      const bool is_old = answer.is(200) && answer.body == content_of(file->path, from, file->size);
      order.that(is_new || (is_old && news_in_a_row == 0),
                 file->path + (is_old ? ": the old one came after the new one" : ": neither old nor new"));
      if (is_new) ++news_in_a_row;
    }
    if (!switched) {
      order.that(news_in_a_row == 0, "the new release came before the switch");
      switched = order.that(point_to_release(directory, to), "cannot switch the link");
    }
    return news_in_a_row > 4 * files.size();
  });
  order.that(came, "the new release never came");
  count.add(order);
  check_all_files(count, port, to, "GET: every file of the new release");
}
