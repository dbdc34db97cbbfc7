// Watch on real directories: what each change of a tree comes out as.
#include "uringd/disk/watch.hpp"

#include <sys/inotify.h>

#include "watched.hpp"

using namespace uringd;
using namespace uringd::disk;
using namespace uringd::disk::test;

TEST_CASE_FIXTURE(Watched, "a file made, written, given other rights, renamed and removed is told each time") {
  watch->add(0, "/assets", 0);
  tree.write("site/assets/new.css");
  CHECK(hear().paths == std::vector<std::string>{"/assets/new.css"});
  tree.write("site/assets/new.css", "other");
  CHECK(hear().paths == std::vector<std::string>{"/assets/new.css"});
  fs::permissions(tree.at("site/assets/new.css"), fs::perms::none);
  CHECK(hear().paths == std::vector<std::string>{"/assets/new.css"});
  tree.rename("site/assets/new.css", "site/assets/old.css");
  CHECK(hear().paths == std::vector<std::string>{"/assets/new.css", "/assets/old.css"});
  tree.remove("site/assets/old.css");
  const Heard heard = hear();
  CHECK(heard.paths == std::vector<std::string>{"/assets/old.css"});
  CHECK(heard.moved == 0);
}

TEST_CASE_FIXTURE(Watched, "the root's own files are told with one slash") {
  watch->add(0, "", 0);
  tree.write("site/index.html", "other");
  CHECK(hear().paths == std::vector<std::string>{"/index.html"});
}

TEST_CASE_FIXTURE(Watched, "a file replaced by rename from elsewhere is told") {
  watch->add(0, "/assets", 0);
  tree.write("outside.css");
  tree.rename("outside.css", "site/assets/a.css");
  CHECK(hear().paths == std::vector<std::string>{"/assets/a.css"});
}

TEST_CASE_FIXTURE(Watched, "a directory that nobody asked for says nothing") {
  watch->add(0, "", 0);
  tree.write("site/assets/b.css");
  CHECK(hear().paths.empty());
}

TEST_CASE_FIXTURE(Watched, "a directory is watched as long as one worker wants it, and not longer") {
  watch->add(0, "/assets", 0);
  watch->add(0, "/assets", 1);
  watch->add(0, "/assets", 1);
  CHECK(watch->directories() == 1);
  watch->remove(0, "/assets", 0);
  tree.write("site/assets/b.css");
  CHECK(hear().paths.size() == 1);
  watch->remove(0, "/assets", 1);
  CHECK(watch->directories() == 0);
  tree.write("site/assets/b.css", "other");
  CHECK(hear().paths.empty());
  watch->remove(0, "/assets", 1);  // once more is nothing
}

TEST_CASE_FIXTURE(Watched, "an ancestor renamed away moves the site, and what is in its place is watched after it") {
  watch->add(0, "/assets/css", 0);
  tree.directory("site/other/css");
  CHECK(hear().moved == 0);
  tree.rename("site/assets", "site/gone");
  CHECK(hear().moved == 1);
  tree.rename("site/other", "site/assets");
  CHECK(hear().moved == 1);
  tree.write("site/assets/css/x.css");
  CHECK(hear().paths == std::vector<std::string>{"/assets/css/x.css"});
  tree.write("site/gone/css/y.css");
  CHECK(hear().paths.empty());
}

TEST_CASE_FIXTURE(Watched, "a directory deleted and made again is watched again") {
  watch->add(0, "/assets/css", 0);
  tree.remove("site/assets/css");
  CHECK(hear().moved >= 1);
  tree.directory("site/assets/css");
  CHECK(hear().moved == 1);
  tree.write("site/assets/css/x.css");
  CHECK(hear().paths == std::vector<std::string>{"/assets/css/x.css"});
}

TEST_CASE_FIXTURE(Watched, "a directory that is not there yet moves the site when it comes") {
  watch->add(0, "/later/deep", 0);
  tree.directory("site/unrelated");
  CHECK(hear().moved == 0);
  tree.directory("site/later/deep");
  CHECK(hear().moved == 1);
  tree.write("site/later/deep/x");
  CHECK(hear().has("/later/deep/x"));
}

TEST_CASE_FIXTURE(Watched, "a linked directory switched to another moves the site, once") {
  tree.directory("site/v1");
  tree.directory("site/v2");
  tree.link("v1", "site/current");
  watch->add(0, "/current", 0);
  tree.write("site/v1/x");
  CHECK(hear().paths == std::vector<std::string>{"/current/x"});
  tree.switch_link("v2", "site/current");
  CHECK(hear().moved == 1);
  tree.write("site/v2/x");
  CHECK(hear().paths == std::vector<std::string>{"/current/x"});
  tree.write("site/v1/x", "other");
  CHECK(hear().paths.empty());
}

TEST_CASE_FIXTURE(Watched, "a change of the file that a link leads to is a change of the link's path") {
  tree.directory("site/data");
  tree.write("site/data/real.html");
  tree.link("../data/real.html", "site/assets/page.html");
  watch->add(0, "/assets", 0);
  tree.write("site/data/real.html", "other");
  CHECK(hear().paths == std::vector<std::string>{"/assets/page.html"});
  tree.write("site/data/beside.html");
  CHECK(hear().paths.empty());
  tree.write("site/data/next.html");
  tree.rename("site/data/next.html", "site/data/real.html");
  CHECK(hear().paths == std::vector<std::string>{"/assets/page.html"});
  tree.rename("site/data", "site/data2");
  CHECK(hear().moved == 1);
}

TEST_CASE_FIXTURE(Watched, "a link to a link is followed to its end") {
  tree.write("site/real");
  tree.link("real", "site/middle");
  tree.link("../middle", "site/assets/first");
  watch->add(0, "/assets", 0);
  tree.write("site/real", "other");
  CHECK(hear().has("/assets/first"));
  tree.write("site/real2");
  tree.switch_link("real2", "site/middle");
  CHECK(hear().has("/assets/first"));
}

TEST_CASE_FIXTURE(Watched, "a link whose target is missing is told when the target comes") {
  tree.link("../data.html", "site/assets/page.html");
  watch->add(0, "/assets", 0);
  tree.write("site/data.html");
  CHECK(hear().has("/assets/page.html"));
}

TEST_CASE_FIXTURE(Watched, "links that leave the root, and circles, are not followed") {
  tree.directory("outside");
  tree.write("outside/secret");
  tree.link("../../outside/secret", "site/assets/up");
  tree.link(tree.at("outside/secret"), "site/assets/absolute");
  tree.link("round", "site/assets/round");
  watch->add(0, "/assets", 0);
  tree.write("outside/secret", "other");
  CHECK(hear().paths.empty());
}

TEST_CASE("where links are not allowed, none is followed") {
  Watched world(".", 0, {.resolve = uring::Resolve::no_symlinks});
  world.tree.write("site/real");
  world.tree.link("../real", "site/assets/page");
  world.watch->add(0, "/assets", 0);
  world.tree.write("site/real", "other");
  CHECK(world.hear().paths.empty());
}

TEST_CASE_FIXTURE(Watched, "a ConfigMap's switch is one move, and its files are watched behind it") {
  tree.directory("map/..2024_1");
  tree.write("map/..2024_1/index.html", "one");
  tree.link("..2024_1", "map/..data");
  tree.link("..data/index.html", "map/index.html");
  reset("map");
  watch->add(0, "", 0);

  tree.directory("map/..2024_2");
  tree.write("map/..2024_2/index.html", "two");
  tree.link("..2024_2", "map/..data_tmp");
  CHECK(hear().moved == 0);
  tree.rename("map/..data_tmp", "map/..data");
  size_t moves = hear().moved;
  tree.remove("map/..2024_1");
  moves += hear().moved;
  CHECK(moves == 1);

  tree.write("map/..2024_2/index.html", "three");
  CHECK(hear().paths == std::vector<std::string>{"/index.html"});
}

TEST_CASE_FIXTURE(Watched, "a switched component of the root path asks for a look at the root") {
  tree.directory("releases/1/public");
  tree.directory("releases/2/public");
  tree.link("releases/1", "current");
  reset("current/public");
  watch->add(0, "", 0);
  tree.write("releases/1/public/x");
  Heard heard = hear();
  CHECK(heard.roots == 0);
  CHECK(heard.paths == std::vector<std::string>{"/x"});
  tree.switch_link("releases/2", "current");
  heard = hear();
  CHECK(heard.roots == 1);
  CHECK(heard.moved == 0);
  tree.rename("releases/2", "releases/3");  // the new way is watched, without a rebuild
  CHECK(hear().roots == 1);
  tree.write("elsewhere");
  CHECK(hear().roots == 0);
}

TEST_CASE_FIXTURE(Watched, "a root renamed away and another put in its place are both told") {
  watch->add(0, "", 0);
  tree.directory("next");
  tree.rename("site", "old");
  CHECK(hear().roots >= 1);
  tree.rename("next", "site");
  CHECK(hear().roots >= 1);
}

TEST_CASE_FIXTURE(Watched, "the root's own rights moving moves the site") {
  watch->add(0, "", 0);
  fs::permissions(tree.at("site"), fs::perms::owner_all);
  CHECK(hear().moved == 1);
}

TEST_CASE_FIXTURE(Watched, "one directory reached by two paths tells both") {
  tree.link("assets", "site/static");
  watch->add(0, "/assets", 0);
  watch->add(0, "/static", 0);
  tree.write("site/assets/a.css", "other");
  std::vector<std::string> paths = hear().paths;
  std::ranges::sort(paths);
  CHECK(paths == std::vector<std::string>{"/assets/a.css", "/static/a.css"});
}

TEST_CASE_FIXTURE(Watched, "equal changes within one read are told once") {
  watch->add(0, "/assets", 0);
  for (int round = 0; round < 20; ++round) {
    tree.write("site/assets/a.css", "x");
    tree.write("site/assets/b.css", "x");
  }
  CHECK(hear().paths.size() == 2);
}

TEST_CASE_FIXTURE(Watched, "lost events are told as such") {
  inotify_event event{.wd = -1, .mask = IN_Q_OVERFLOW, .cookie = 0, .len = 0};
  Heard heard;
  take(watch->on_events({reinterpret_cast<const char*>(&event), sizeof event}), heard);
  CHECK(heard.overflow);
}

TEST_CASE_FIXTURE(Watched, "a cut or unknown event is passed over") {
  const inotify_event cut{.wd = 12345, .mask = IN_CREATE, .cookie = 0, .len = 64};  // its name is not there
  const WatchNews news = watch->on_events({reinterpret_cast<const char*>(&cut), sizeof cut});
  CHECK(news.invalidated.empty());
  CHECK(news.moved.empty());
  CHECK(!news.overflow);
}

TEST_CASE("beyond the limit nothing more is watched, which is said once, and places given back are used again") {
  Watched world;
  for (int number = 0; number < 8; ++number) world.tree.directory("site/d" + std::to_string(number));
  const size_t for_root = world.watch->watches();
  world.reset(".", static_cast<uint32_t>(for_root + 4));  // the root itself, and three more
  for (int number = 0; number < 8; ++number) world.watch->add(0, "/d" + std::to_string(number), 0);
  CHECK(world.watch->watches() == for_root + 4);
  world.logger.drain();
  CHECK(count_of(world.log_file.text(), "watches are in use") == 1);
  world.tree.write("site/d7/x");
  CHECK(world.hear().paths.empty());
  world.watch->remove(0, "/d7", 0);
  world.watch->remove(0, "/d0", 0);
  world.watch->add(0, "/d7", 0);  // takes the place of what nobody needs
  CHECK(world.watch->watches() == for_root + 4);
  world.tree.write("site/d7/x", "other");
  CHECK(world.hear().paths == std::vector<std::string>{"/d7/x"});
  world.tree.write("site/d0/x");
  CHECK(world.hear().paths.empty());
}

TEST_CASE_FIXTURE(Watched, "a directory that may not be listed is said once, with the way out") {
  tree.directory("site/shut/in");
  fs::permissions(tree.path, fs::perms::owner_all | fs::perms::others_exec);
  fs::permissions(tree.at("site/shut"), fs::perms::owner_exec | fs::perms::others_exec);
  const bool is_root = geteuid() == 0;  // who may read everything
  if (is_root) REQUIRE(seteuid(65534) == 0);
  watch->add(0, "/shut/in", 0);
  watch->add(0, "/shut", 0);
  if (is_root) REQUIRE(seteuid(0) == 0);
  fs::permissions(tree.at("site/shut"), fs::perms::owner_all);
  logger.drain();
  CHECK(count_of(log_file.text(), "cannot be read") == 1);
}

TEST_CASE_FIXTURE(Watched, "a site on a network file system is not watched, which is said once") {
  Sites::Site site = site_of(tree.at("site"));
  auto remote = describe_root(tree.open("site"));
  remote->remote = true;
  site.root = std::make_shared<const Root>(std::move(*remote));
  std::vector<Sites::Site> list;
  list.push_back(std::move(site));
  const Sites remote_sites(std::move(list));
  Watch remote_watch(remote_sites, logger);
  remote_watch.add_tree(0);
  REQUIRE(remote_watch.open());
  remote_watch.add(0, "", 0);
  remote_watch.add(0, "/assets", 0);
  CHECK(remote_watch.watches() == 0);
  logger.drain();
  CHECK(count_of(log_file.text(), "network or FUSE") == 1);
}

TEST_CASE_FIXTURE(Watched, "a thousand directories are watched and given back whole") {
  for (int number = 0; number < 1000; ++number) tree.directory("site/n/" + std::to_string(number));
  for (int number = 0; number < 1000; ++number) watch->add(0, "/n/" + std::to_string(number), 0);
  CHECK(watch->watches() >= 1000);
  tree.rename("site/n", "site/m");
  CHECK(hear().moved >= 1);
  for (int number = 0; number < 1000; ++number) watch->remove(0, "/n/" + std::to_string(number), 0);
  CHECK(watch->directories() == 0);
  tree.write("site/m/7/x");
  CHECK(hear().paths.empty());
}
