// TreeWalk on a real tree: what is found, and what is never gone into.
#include "uringd/disk/walk.hpp"

#include <algorithm>

#include "real_tree.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

namespace {

struct Walked : RealTree {
  std::vector<std::string> found(std::vector<std::string> patterns,
                                 uring::Resolve resolve = uring::Resolve::symlinks_inside) {
    const Fd root = open();
    TreeWalk walk(root.number(), "", std::move(patterns), resolve);
    std::vector<std::string> paths;
    while (walk.step(paths)) {
    }
    truncated = walk.truncated();
    std::ranges::sort(paths);
    return paths;
  }
  bool truncated = false;
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(Walked, "regular files that match one of the patterns are found, each once") {
  directory("assets/deep");
  write("index.html");
  write("assets/a.css");
  write("assets/deep/b.css");
  write("assets/deep/c.js");
  CHECK(found({"**/*.css", "/assets/**"}) == Paths{"/assets/a.css", "/assets/deep/b.css", "/assets/deep/c.js"});
  CHECK(found({"*.html"}) == Paths{"/index.html"});
  CHECK(found({"{index.html,assets/{*.css,deep/*.js}}"}) == Paths{"/assets/a.css", "/assets/deep/c.js", "/index.html"});
  CHECK(found({"/assets/*"}) == Paths{"/assets/a.css"});
  CHECK(found({}).empty());
  CHECK(!truncated);
}

TEST_CASE_FIXTURE(Walked, "hidden names and what is below them are left out") {
  directory(".git");
  write(".git/config");
  write(".env");
  write("shown");
  CHECK(found({"**"}) == Paths{"/shown"});
}

TEST_CASE_FIXTURE(Walked,
                  "a link to a file inside counts, one that leaves the root, is broken or is in a circle does not") {
  directory("root/sub");
  write("root/real");
  write("secret");
  link("../real", "root/sub/inside");
  link("../../secret", "root/sub/outside");
  link(at("root/real"), "root/sub/absolute");
  link("nothing", "root/broken");
  link("round", "root/round");
  const Fd root = open("root");
  TreeWalk walk(root.number(), "", {"**"}, uring::Resolve::symlinks_inside);
  Paths paths;
  while (walk.step(paths)) {
  }
  std::ranges::sort(paths);
  CHECK(paths == Paths{"/real", "/sub/inside"});
}

TEST_CASE_FIXTURE(Walked, "where links are not allowed none counts") {
  write("real");
  link("real", "linked");
  CHECK(found({"**"}, uring::Resolve::no_symlinks) == Paths{"/real"});
}

TEST_CASE_FIXTURE(Walked, "a linked directory is not gone into") {
  directory("real");
  write("real/x");
  link("real", "linked");
  link(".", "self");
  CHECK(found({"**"}) == Paths{"/real/x"});
}

TEST_CASE_FIXTURE(Walked, "pipes are left out") {
  REQUIRE(mkfifo(at("pipe").c_str(), 0600) == 0);
  CHECK(found({"**"}).empty());
}

TEST_CASE_FIXTURE(Walked, "below 64 levels nothing is looked for, which is told") {
  std::string deep;
  for (int level = 0; level < 70; ++level) {
    deep += "d/";
    directory(deep);
    write(deep + "x");
  }
  CHECK(found({"**/x"}).size() == 64);
  CHECK(truncated);
}

TEST_CASE_FIXTURE(Walked, "a large directory comes in more than one step") {
  for (int number = 0; number < 3000; ++number) write("file-" + std::to_string(number), "");
  const Fd root = open();
  TreeWalk walk(root.number(), "", {"*"}, uring::Resolve::symlinks_inside);
  Paths paths;
  REQUIRE(walk.step(paths));
  CHECK(!paths.empty());
  CHECK(paths.size() < 3000);
  while (walk.step(paths)) {
  }
  CHECK(paths.size() == 3000);
}
