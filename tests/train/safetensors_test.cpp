// The safetensors reader and writer: round trips, foreign files, and everything that can be wrong with one.
#include "engine/train/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;
using Origin = SafetensorsFile::Origin;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A file with this header and `data` bytes behind it.
std::string file_of(const std::string& header, size_t data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data, 'x');
}

class Safetensors : public testing::Test {
 protected:
  ~Safetensors() override { ::close(memory_); }

  // What the reader says of these bytes, which lie in memory: thousands of files would wear the disk.
  std::string complaint(const std::string& bytes, Origin origin = Origin::any) {
    const std::string path = "/proc/self/fd/" + std::to_string(memory_);
    EXPECT_EQ(::ftruncate(memory_, 0), 0);
    EXPECT_EQ(::pwrite(memory_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    try {
      SafetensorsFile file(path, origin);
      return "";
    } catch (const UserError& e) {
      const std::string message = e.what();
      EXPECT_EQ(message.rfind(path + ": ", 0), 0u) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      return message.substr(path.size() + 2);
    }
  }

  Tensor device(Buffer& buffer, Tensor shape, const void* host) {
    buffer = Buffer(*backend_, std::max<size_t>(shape.bytes(), 1), "test");
    shape.data = buffer.data();
    if (host) backend_->copy_to_device(shape, host);
    return shape;
  }

  // Two tensors, wide and narrow, and a word.
  std::string small_file() {
    const double wide[2] = {1.5, -2};
    const uint8_t narrow[3] = {7, 8, 9};
    Buffer a, b;
    write_safetensors(folder_ / "small", *backend_,
                      {{"narrow", device(b, {nullptr, DType::u8, {3}}, narrow)},
                       {"wide", device(a, {nullptr, DType::f64, {2, 1}}, wide)}},
                      {{"key", "value \"quoted\" \n \u00e9"}});
    return contents(folder_ / "small");
  }

  int memory_ = ::memfd_create("safetensors", 0);
  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cpu, .threads = 1});
};

TEST_F(Safetensors, RoundTripKeepsEveryBit) {
  std::vector<float> large(700'000);  // more than one block
  std::iota(large.begin(), large.end(), 0.5f);
  const int32_t ints[4] = {1, -2, 3, INT32_MIN};
  Buffer a, b, c, d, e;
  const std::vector<NamedTensor> tensors = {
      {"large", device(a, {nullptr, DType::f32, {7, 100'000}}, large.data())},
      {"ints", device(b, {nullptr, DType::i32, {2, 2, 1}}, ints)},
      {"none", device(c, {nullptr, DType::f64, {0, 3}}, nullptr)},
      {"one", device(d, {nullptr, DType::u8, {}}, "Z")}};
  write_safetensors(folder_ / "f", *backend_, tensors, {{"word", "w"}});

  const SafetensorsFile file(folder_ / "f", Origin::ours);
  EXPECT_EQ(file.metadata(), (Metadata{{"word", "w"}}));
  EXPECT_EQ(file.tensors().size(), 4u);
  for (const auto& [name, tensor] : tensors) {
    const Tensor back = device(e, tensor, nullptr);
    file.read(name, back, *backend_);
    EXPECT_EQ(std::string(static_cast<char*>(back.data), back.bytes()),
              std::string(static_cast<char*>(tensor.data), tensor.bytes()))
        << name;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

TEST_F(Safetensors, IsWhatTheSpecificationSays) {
  const std::string bytes = small_file();
  const size_t length = static_cast<unsigned char>(bytes[0]) + 256u * static_cast<unsigned char>(bytes[1]);
  const std::string header = bytes.substr(8, length);
  EXPECT_EQ(length % 8, 0u) << "data begins aligned";
  EXPECT_EQ(header.front(), '{');
  EXPECT_THAT(header, HasSubstr(R"("wide":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]})"));
  EXPECT_THAT(header, HasSubstr(R"("narrow":{"dtype":"U8","shape":[3],"data_offsets":[16,19]})"));
  EXPECT_EQ(bytes.size(), 8 + length + 19);
  EXPECT_EQ(bytes.substr(8 + length + 16), "\x07\x08\x09");
  const SafetensorsFile file(folder_ / "small", Origin::ours);
  EXPECT_EQ(file.metadata().at("key"), "value \"quoted\" \n \u00e9");
}

TEST_F(Safetensors, TakesForeignFilesUnlessOursAreWanted) {
  const std::string foreign = file_of(
      R"({"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"a":{"shape":[1],"data_offsets":[0,4],"dtype":"I32"}}   )",
      8);
  EXPECT_EQ(complaint(foreign), "");
  EXPECT_EQ(complaint(file_of("{}", 0)), "");
  EXPECT_THAT(complaint(foreign, Origin::ours), HasSubstr("not a file written by sluice"));
}

TEST_F(Safetensors, RefusesEveryFlippedBitAndEveryTruncation) {
  const std::string good = small_file();
  ASSERT_EQ(complaint(good, Origin::ours), "");
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_NE(complaint(bad, Origin::ours), "") << "byte " << i << ", bit " << bit;
    }
    EXPECT_NE(complaint(good.substr(0, i), Origin::ours), "") << "cut to " << i;
  }
  EXPECT_NE(complaint(good + "x", Origin::ours), "");
  EXPECT_THAT(complaint(good.substr(0, good.size() - 1), Origin::ours), HasSubstr("truncated"));
  std::string flipped = good;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_THAT(complaint(flipped, Origin::any), HasSubstr("checksum"));
}

TEST_F(Safetensors, NamesWhatIsWrongWithAHeader) {
  const auto says = [&](const std::string& header, const char* what, size_t data = 4) {
    EXPECT_THAT(complaint(file_of(header, data)), HasSubstr(what)) << header;
  };
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_THAT(complaint(""), HasSubstr("truncated"));
  EXPECT_THAT(complaint("1234567"), HasSubstr("truncated"));
  EXPECT_THAT(complaint("not safetensors at all"), HasSubstr("not a safetensors file"));
  EXPECT_THAT(complaint(file_of(std::string(100, ' '), 0).substr(0, 50)), HasSubstr("truncated"));
  says("[]", "not a safetensors file", 0);
  says("{", "not JSON", 0);
  says("{" + a + "} x", "not JSON");
  says("{\"a\":1e999}", "out of range", 0);
  says(R"({"a":{"dtype":[[[[]]]]}})", "nested", 0);
  says("{\"a\":" + std::string(100'000, '['), "nested", 0);
  says("{" + a + "," + a + "}", "twice");
  says(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "'dtype' twice");
  says(R"({"a":7})", "must have dtype");
  says(R"({"a":{"dtype":"F32","shape":[1]}})", "must have dtype");
  says(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", "nothing else");
  says(R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}})", "'F33'");
  says(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "whole numbers");
  says(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "whole numbers");
  says(R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", "whole numbers");
  says(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "cannot lie");
  says(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "cannot lie");
  says(R"({"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", "larger than any");
  says(R"({"__metadata__":[]})", "__metadata__", 0);
  says(R"({"__metadata__":{"k":1}})", "'k'", 0);
  says("{" + a + R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})", "overlap", 5);
  says("{" + a + R"(,"b":{"dtype":"U8","shape":[2],"data_offsets":[5,7]}})", "hole", 7);
  says("{" + a + "}", "truncated", 3);
  says("{" + a + "}", "1 bytes after its last tensor", 5);
}

TEST_F(Safetensors, MissingFilesAndFoldersAreTheUsersMistake) {
  EXPECT_THROW(SafetensorsFile(folder_ / "nothing", Origin::any), UserError);
  EXPECT_THROW(SafetensorsFile(folder_.path(), Origin::any), UserError);
}

TEST_F(Safetensors, AnotherShapeOrTypeIsNotRead) {
  small_file();
  const SafetensorsFile file(folder_ / "small", Origin::ours);
  Buffer buffer;
  const Tensor right = device(buffer, {nullptr, DType::f64, {2, 1}}, nullptr);
  EXPECT_EQ(file.mismatch("wide", right), "");
  EXPECT_EQ(file.mismatch("wide", Tensor(right.data, DType::f64, {1, 2})),
            "its tensor 'wide' is F64 [2,1], not F64 [1,2]");
  EXPECT_EQ(file.mismatch("wide", Tensor(right.data, DType::f32, {2, 1})),
            "its tensor 'wide' is F64 [2,1], not F32 [2,1]");
  EXPECT_EQ(file.mismatch("depth", right), "it has no tensor 'depth'");
  EXPECT_THROW(file.read("narrow", right, *backend_), UserError);
}

TEST_F(Safetensors, AFullDiskLeavesTheOldFile) {
  const std::string path = folder_ / "small", before = small_file();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // write() then fails, as on a full disk
  const rlimit small{1000, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<char> bytes(5000, 1);
  Buffer buffer;
  std::string message;
  try {
    write_safetensors(path, *backend_, {{"t", device(buffer, {nullptr, DType::u8, {5000}}, bytes.data())}},
                      {});
  } catch (const Failure& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_EQ(contents(path), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
}

}  // namespace
}  // namespace sluice
