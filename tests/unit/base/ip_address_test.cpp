// Addresses and blocks of them: what is read and written, beside inet_pton(3) and inet_ntop(3).
#include "uringd/base/ip_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "../random.hpp"

#include <doctest/doctest.h>

using uringd::Cidr;
using uringd::CidrSet;
using uringd::IpAddress;
using uringd::testing::Random;

namespace {

std::string written(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->text() : "none";
}

template <typename Address>
sockaddr_storage stored(const Address& address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  return storage;
}

/// inet_pton's reading, in our form.
std::string reference_bytes(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  if (text.contains('\0')) return "none";
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
    bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) != 1) return "none";
  }
  return {bytes.begin(), bytes.end()};
}

std::string own_bytes(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) return "none";
  return {address->bytes().begin(), address->bytes().end()};
}

std::string error_of(std::string_view text) {
  const auto block = Cidr::parse(text);
  return block ? "none" : block.error().message;
}

bool within(std::string_view block, std::string_view address) {
  return Cidr::parse(block).value().contains(IpAddress::parse(address).value());
}

}  // namespace

TEST_CASE("an IPv4 address is four decimal numbers without leading zeros (inet_pton(3))") {
  for (std::string_view good : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "10.0.0.10"}) {
    CAPTURE(good);
    CHECK(written(good) == good);
    CHECK(IpAddress::parse(good)->is_v4());
  }
  for (std::string_view bad : {"",          ".",         "1.2.3",      "1.2.3.",    ".1.2.3",   "1..2.3",    "1.2.3.4.",
                               "1.2.3.4.5", "256.0.0.1", "1.2.3.1000", "010.0.0.1", "1.2.3.04", "00.0.0.0",  "1.2.3.4 ",
                               " 1.2.3.4",  "+1.2.3.4",  "0x1.2.3.4",  "1.2.3.a",   "1,2,3,4",  "3221225985"}) {
    CAPTURE(bad);
    CHECK(written(bad) == "none");
  }
  CHECK(written(std::string_view("1.2.3.4\0", 8)) == "none");
}

TEST_CASE("an IPv6 address is read in every form of RFC 4291 section 2.2 and written as RFC 5952 section 4 says") {
  const std::array<std::array<std::string_view, 2>, 16> rows = {{
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
      {"2001:0db8::0001", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952 §4.2.2: one group alone stays
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},   // the same
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // §4.2.3: the longest
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // §4.2.3: the first of equals
      {"0:0:0:0:0:0:0:1", "::1"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"0:0:0:0:0:FFFF:c000:201", "192.0.2.1"},
  }};
  for (const auto& [text, expected] : rows) {
    CAPTURE(text);
    CHECK(written(text) == expected);
  }
  for (std::string_view bad : {":",
                               ":::",
                               "1",
                               "1:2:3:4:5:6:7",
                               "1:2:3:4:5:6:7:8:9",
                               "1:2:3:4:5:6:7:8::",
                               "::1:2:3:4:5:6:7:8",
                               "1::2::3",
                               "1:::2",
                               ":1:2:3:4:5:6:7",
                               "1:2:3:4:5:6:7:",
                               "::1:",
                               ":1::",
                               "12345::",
                               "g::",
                               "::1%eth0",
                               "[::1]",
                               "::1.2.3",
                               "1.2.3.4::",
                               "::1.2.3.4:1",
                               "1:2:3:4:5:6:7:1.2.3.4",
                               "::1/64",
                               "::-1",
                               ":: ",
                               "::01.2.3.4"}) {
    CAPTURE(bad);
    CHECK(written(bad) == "none");
  }
  CHECK(IpAddress::parse("::ffff:192.0.2.1") == IpAddress::parse("192.0.2.1"));
  CHECK(IpAddress::parse("::ffff:192.0.2.1")->is_v4());
  CHECK(!IpAddress::parse("::192.0.2.1")->is_v4());
}

TEST_CASE("what is read is exactly what inet_pton(3) reads") {
  Random random(611);
  constexpr std::string_view pieces[] = {"::",          ":",   ".",     "0",       "1",  "ffff",      "10",
                                         "255",         "256", "abcd",  "::ffff:", "00", "192.0.2.1", "g",
                                         "1:2:3:4:5:6", "%",   "12345", "F",       "7:", ":8"};
  size_t good = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    for (uint64_t n = random.below(10); n > 0; --n) text += pieces[random.below(std::size(pieces))];
    CAPTURE(text);
    const std::string expected = reference_bytes(text);
    good += expected != "none";
    REQUIRE(own_bytes(text) == expected);
  }
  CHECK(good > 3000);
}

TEST_CASE("what is written is read back, and is what inet_ntop(3) writes") {
  Random random(612);
  std::array<char, IpAddress::most_text_bytes> out;
  for (int i = 0; i < 200'000; ++i) {
    std::array<unsigned char, 16> bytes{};
    for (size_t group = 0; group < 8; ++group) {
      if (random.below(2) == 0) continue;
      const uint64_t value = random.of_any_size(16);
      bytes[2 * group] = static_cast<unsigned char>(value >> 8);
      bytes[2 * group + 1] = static_cast<unsigned char>(value);
    }
    const IpAddress address =
        random.below(4) == 0 ? IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]}) : IpAddress::v6(bytes);
    const std::string text{address.text(out)};
    CAPTURE(text);
    REQUIRE(IpAddress::parse(text) == address);
    REQUIRE(address.text() == text);
    char reference[INET6_ADDRSTRLEN];
    if (address.is_v4()) {
      inet_ntop(AF_INET, address.bytes().data() + 12, reference, sizeof reference);
    } else if (std::all_of(bytes.begin(), bytes.begin() + 12, [](unsigned char byte) { return byte == 0; })) {
      continue;  // glibc writes ::1.2.3.4, a form that RFC 4291 §2.5.5.1 has deprecated
    } else {
      inet_ntop(AF_INET6, bytes.data(), reference, sizeof reference);
    }
    REQUIRE(text == reference);
  }
}

TEST_CASE("each of the 256 numbers of an IPv4 address is written as std::to_string would") {
  for (unsigned value = 0; value < 256; ++value) {
    const auto byte = static_cast<unsigned char>(value);
    const std::string number = std::to_string(value);
    CHECK(IpAddress::v4({byte, 0, byte, byte}).text() == number + ".0." + number + "." + number);
  }
}

TEST_CASE("a socket's address is taken by its family; a dual-stack socket's IPv4 client is an IPv4 client (ipv6(7))") {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(1234);
  inet_pton(AF_INET, "192.0.2.7", &four.sin_addr);
  CHECK(IpAddress::from(stored(four), sizeof four).text() == "192.0.2.7");
  CHECK(IpAddress::from(stored(four), sizeof four - 1).kind() == IpAddress::Kind::unknown);

  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_scope_id = 3;
  inet_pton(AF_INET6, "fe80::7", &six.sin6_addr);
  CHECK(IpAddress::from(stored(six), sizeof six).text() == "fe80::7");
  CHECK(IpAddress::from(stored(six), sizeof six - 1).kind() == IpAddress::Kind::unknown);
  inet_pton(AF_INET6, "::ffff:192.0.2.7", &six.sin6_addr);
  CHECK(IpAddress::from(stored(six), sizeof six) == IpAddress::from(stored(four), sizeof four));

  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  CHECK(IpAddress::from(stored(local), sizeof(sa_family_t)).text() == "unix:");  // unnamed: unix(7)
  CHECK(IpAddress::from(stored(local), sizeof local) == IpAddress::local());
  CHECK(IpAddress::from(stored(local), 0).text() == "-");
  CHECK(IpAddress::from(stored(local), 1).kind() == IpAddress::Kind::unknown);
  local.sun_family = AF_NETLINK;
  CHECK(IpAddress::from(stored(local), sizeof local).kind() == IpAddress::Kind::unknown);
}

TEST_CASE("local and unknown peers are no IP addresses and differ from each other") {
  CHECK(!IpAddress::local().is_ip());
  CHECK(!IpAddress{}.is_ip());
  CHECK(!IpAddress::local().is_v4());
  CHECK(IpAddress::local() != IpAddress{});
  CHECK(IpAddress::v6({}) != IpAddress{});
  CHECK(IpAddress{}.text() == "-");
}

TEST_CASE("a block holds the addresses that begin as it does, and no others") {
  CHECK(within("192.0.2.0/24", "192.0.2.0"));
  CHECK(within("192.0.2.0/24", "192.0.2.255"));
  CHECK(!within("192.0.2.0/24", "192.0.3.0"));
  CHECK(!within("192.0.2.0/24", "192.0.1.255"));
  CHECK(within("192.0.2.1", "192.0.2.1"));
  CHECK(!within("192.0.2.1", "192.0.2.0"));
  CHECK(within("0.0.0.0/0", "255.255.255.255"));
  CHECK(within("128.0.0.0/1", "128.0.0.0"));
  CHECK(!within("128.0.0.0/1", "127.255.255.255"));
  CHECK(within("10.64.0.0/10", "10.127.255.255"));
  CHECK(!within("10.64.0.0/10", "10.128.0.0"));
  CHECK(within("2001:db8::/32", "2001:db8:ffff::1"));
  CHECK(!within("2001:db8::/32", "2001:db9::"));
  CHECK(within("2001:db8::1", "2001:db8::1"));
  CHECK(!within("2001:db8::1/128", "2001:db8::2"));
}

TEST_CASE("IPv4 blocks hold no IPv6 address and IPv6 blocks no IPv4 one, but what is written as mapped is IPv4") {
  CHECK(!within("::/0", "192.0.2.1"));
  CHECK(within("::/0", "2001:db8::1"));
  CHECK(!within("0.0.0.0/0", "2001:db8::1"));
  CHECK(!within("0.0.0.0/0", "::192.0.2.1"));
  CHECK(!within("::/64", "192.0.2.1"));
  CHECK(within("::ffff:0:0/96", "192.0.2.1"));
  CHECK(within("::ffff:192.0.2.0/120", "192.0.2.9"));
  CHECK(!within("::ffff:192.0.2.0/120", "192.0.3.9"));
}

TEST_CASE("\"unix:\" is every unix socket's peer and nobody else; an unknown address is in no block") {
  const Cidr local = Cidr::parse("unix:").value();
  CHECK(local.contains(IpAddress::local()));
  CHECK(!local.contains(IpAddress{}));
  CHECK(!local.contains(IpAddress::v6({})));
  for (std::string_view block : {"0.0.0.0/0", "::/0"}) {
    CHECK(!Cidr::parse(block)->contains(IpAddress::local()));
    CHECK(!Cidr::parse(block)->contains(IpAddress{}));
  }
  CHECK(!Cidr{}.contains(IpAddress{}));
}

TEST_CASE("a block's text is as it was written, and blocks that read the same are equal") {
  CHECK(Cidr::parse("2001:DB8::/32")->text() == "2001:DB8::/32");
  CHECK(Cidr::parse("10.0.0.0/8").value() == Cidr::parse("10.0.0.0/8").value());
  CHECK(Cidr::parse("10.0.0.0/8").value() != Cidr::parse("10.0.0.0/9").value());
}

TEST_CASE("what is no block is told with what would be right") {
  const std::string forms = R"(expected "192.0.2.1", "10.0.0.0/8", "2001:db8::/32" or "unix:")";
  CHECK(error_of("10.0.0.1/8") == "10.0.0.1/8: bits behind the prefix are set; expected 10.0.0.0/8");
  CHECK(error_of("2001:DB8::1/32") == "2001:DB8::1/32: bits behind the prefix are set; expected 2001:db8::/32");
  CHECK(error_of("::ffff:10.0.0.1/104") ==
        "::ffff:10.0.0.1/104: bits behind the prefix are set; expected ::ffff:10.0.0.0/104");
  CHECK(error_of("1.2.3.4/0") == "1.2.3.4/0: bits behind the prefix are set; expected 0.0.0.0/0");
  CHECK(error_of("10.0.0.0/33") == "10.0.0.0/33: a prefix too long; expected at most /32");
  CHECK(error_of("::/129") == "::/129: a prefix too long; expected at most /128");
  CHECK(error_of("10.0.0.0/") == R"(expected a number of bits from 0 to 32 after the slash, such as "10.0.0.0/24")");
  for (std::string_view bad : {"::/-1", "::/064", "::/6 4", "::/1000", "::/+4", "::/", "::/64/", "::/ffff::"}) {
    CAPTURE(bad);
    CHECK(error_of(bad) == R"(expected a number of bits from 0 to 128 after the slash, such as "::/64")");
  }
  CHECK(error_of("10.0.0.0/255.0.0.0") ==
        R"(expected a number of bits from 0 to 32 after the slash, such as "10.0.0.0/24")");
  CHECK(error_of("") == "an empty text; " + forms);
  CHECK(error_of("/8") == "an empty text; " + forms);
  CHECK(error_of("localhost") == "no address (names are not looked up); " + forms);
  CHECK(error_of("10.0.0/8") == "no address; " + forms);
  CHECK(error_of("010.0.0.0/8") == "no address; " + forms);
  CHECK(error_of("[::1]/128") == "an address goes without brackets and port here; " + forms);
  CHECK(error_of("10.0.0.1:80") == "an address goes without a port here; " + forms);
  CHECK(error_of("fe80::1%eth0") == "an address goes without a zone here; " + forms);
  CHECK(error_of("unix:/run/x.sock") == R"(expected "unix:" alone, which stands for the peers of all unix sockets)");
  CHECK(error_of("10.0.0.0 /8") == "no address (names are not looked up); " + forms);
}

TEST_CASE("an error repeats nothing that could break a log's line") {
  CHECK(!error_of("a\nb").contains('\n'));
  CHECK(!error_of("10.0.0.0/8\n").contains('\n'));
  CHECK(!error_of("::/\x1b[31m").contains('\x1b'));
}

TEST_CASE("blocks of every length agree with a comparison bit by bit") {
  Random random(613);
  for (int i = 0; i < 20'000; ++i) {
    std::array<unsigned char, 16> first{}, other{};
    for (size_t at = 0; at < 16; ++at) other[at] = first[at] = static_cast<unsigned char>(random.below(256));
    first[0] |= 1;  // IPv6
    other[0] |= 1;
    const unsigned bits = static_cast<unsigned>(random.below(129)), flipped = static_cast<unsigned>(random.below(128));
    if (flipped != 7) other[flipped / 8] = static_cast<unsigned char>(other[flipped / 8] ^ 0x80u >> flipped % 8);
    for (unsigned bit = bits; bit < 128; ++bit) {
      first[bit / 8] = static_cast<unsigned char>(first[bit / 8] & ~(0x80u >> bit % 8));
    }
    const auto block = Cidr::parse(IpAddress::v6(first).text() + "/" + std::to_string(bits));
    CAPTURE(bits);
    CAPTURE(flipped);
    REQUIRE(block);
    REQUIRE(block->contains(IpAddress::v6(other)) == (flipped == 7 || flipped >= bits));
  }
}

TEST_CASE("a set holds what one of its blocks holds, and an empty one nothing") {
  const CidrSet set({Cidr::parse("10.0.0.0/8").value(), Cidr::parse("unix:").value()});
  CHECK(set.contains(IpAddress::parse("10.1.2.3").value()));
  CHECK(set.contains(IpAddress::local()));
  CHECK(!set.contains(IpAddress::parse("11.0.0.0").value()));
  CHECK(!set.empty());
  CHECK(CidrSet{}.empty());
  CHECK(!CidrSet{}.contains(IpAddress::parse("10.1.2.3").value()));
}
