// Watch while trees come and go and while it is closed: what it forgets, what it remembers.
#include "watched.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

TEST_CASE_FIXTURE(Watched, "a tree that is removed gives back its watches, those on the way too, and says nothing") {
  tree.directory("second/assets");
  const size_t for_first = watch->watches();
  REQUIRE(sites->add(site_of(tree.at("second"))) == 1);
  watch->add_tree(1);
  watch->add(1, "/assets", 0);
  watch->add(1, "", 1);
  while (watch->work()) {
  }
  CHECK(watch->watches() > for_first);
  tree.write("second/assets/a");
  CHECK(hear().paths == std::vector<std::string>{"/assets/a"});
  watch->rebuild(1);  // what is queued goes too
  watch->remove_tree(1);
  CHECK(watch->watches() == for_first);
  CHECK(watch->directories() == 0);
  CHECK(!watch->work_waits());
  tree.write("second/assets/b");
  tree.rename("second", "third");
  const Heard heard = hear();
  CHECK(heard.paths.empty());
  CHECK(heard.moved == 0);
  CHECK(heard.roots == 0);
}

TEST_CASE_FIXTURE(Watched,
                  "what is asked for below a slot before it is a tree's waits for that, and can be taken back") {
  tree.directory("second/assets");
  REQUIRE(sites->add(site_of(tree.at("second"))) == 1);
  const size_t before = watch->watches();
  watch->add(1, "/assets", 0);
  watch->add(1, "", 0);
  watch->remove(1, "", 0);
  watch->rebuild_all();
  while (watch->work()) {
  }
  CHECK(watch->watches() == before);
  watch->add_tree(1);
  while (watch->work()) {
  }
  tree.write("second/assets/a");
  tree.write("second/b");
  CHECK(hear().paths == std::vector<std::string>{"/assets/a"});
  watch->remove_tree(1);
  watch->add(1, "/assets", 0);  // too late
  watch->remove(1, "/assets", 0);
  CHECK(watch->directories() == 0);
  CHECK(watch->watches() == before);
}

TEST_CASE_FIXTURE(Watched, "a directory that two trees share stays watched for the one that stays") {
  REQUIRE(sites->add(site_of(tree.at("site"))) == 1);
  watch->add_tree(1);
  watch->add(0, "/assets", 0);
  watch->add(1, "/assets", 0);
  watch->remove_tree(0);
  tree.write("site/assets/a.css", "other");
  CHECK(hear().paths == std::vector<std::string>{"/assets/a.css"});  // once: the other tree's is not told
}

TEST_CASE_FIXTURE(Watched, "one that is closed watches nothing and remembers; opened again it watches all of it") {
  watch->add(0, "/assets", 0);
  watch->rebuild(0);
  watch->close();
  CHECK(watch->watches() == 0);
  CHECK(!watch->work_waits());
  watch->add(0, "", 0);
  watch->add(0, "/assets/css", 0);
  watch->remove(0, "/assets/css", 0);
  watch->rebuild_all();
  CHECK(!watch->work_waits());
  REQUIRE(sites->add(site_of(tree.at("site/assets"))) == 1);
  watch->add_tree(1);
  CHECK(watch->watches() == 0);
  REQUIRE(watch->open());
  while (watch->work()) {
  }
  tree.write("site/index.html", "other");
  tree.write("site/assets/a.css", "other");
  tree.write("site/assets/css/x.css");
  std::vector<std::string> paths = hear().paths;
  std::ranges::sort(paths);
  CHECK(paths == std::vector<std::string>{"/assets/a.css", "/index.html"});
  tree.rename("site/assets", "site/gone");
  CHECK(hear().roots == 1);  // of the tree that was added meanwhile
}
