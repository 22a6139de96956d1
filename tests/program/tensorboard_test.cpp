// Event files, decoded by the format's documents and not by the writer's code.
#include "host/program/tensorboard.h"

#include <gmock/gmock.h>

#include <cstring>
#include <filesystem>

#include "engine/error.h"
#include "tests/program/files.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::uint64_t varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(0));
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

struct Field {
  std::uint64_t number = 0, wire_type = 0, value = 0;
  std::string_view bytes;
};

// The fields of a protobuf message, of the four wire types in use.
std::vector<Field> decode(std::string_view message) {
  std::vector<Field> fields;
  while (!message.empty()) {
    Field field;
    const std::uint64_t tag = varint(message);
    field.number = tag >> 3;
    field.wire_type = tag & 7;
    std::size_t size = 0;
    if (field.wire_type == 0) {
      field.value = varint(message);
    } else {
      size = field.wire_type == 1 ? 8 : field.wire_type == 5 ? 4 : varint(message);
      field.bytes = message.substr(0, size);
      field.value = little_endian(field.bytes.substr(0, 8));
    }
    message.remove_prefix(size);
    fields.push_back(field);
  }
  return fields;
}

const Field& field(const std::vector<Field>& fields, std::uint64_t number) {
  for (const Field& f : fields) {
    if (f.number == number) return f;
  }
  throw std::runtime_error("no such field");
}

// Cuts a file into its records and checks both checksums of each.
std::vector<std::string> records(std::string_view file) {
  std::vector<std::string> all;
  while (!file.empty()) {
    const std::uint64_t length = little_endian(file.substr(0, 8));
    EXPECT_EQ(little_endian(file.substr(8, 4)), masked_crc32c(file.substr(0, 8)));
    all.emplace_back(file.substr(12, length));
    EXPECT_EQ(little_endian(file.substr(12 + length, 4)), masked_crc32c(all.back()));
    file.remove_prefix(16 + length);
  }
  return all;
}

template <class Float, class Bits>
Float as_float(Bits bits) {
  Float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

TEST(Crc32c, GivesTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

TEST(EventFile, HoldsWhatItWasGiven) {
  const Folder folder;
  {
    EventFile events(folder.path());
    events.scalar("train/loss", 300, 0.25);
    events.scalar("valid/accuracy", 1, -1.5);
  }
  ASSERT_THAT(folder.list(), SizeIs(1));
  EXPECT_THAT(folder.list()[0], testing::StartsWith("events.out.tfevents."));
  const std::string file = folder.read(folder.list()[0]);
  const std::vector<std::string> events = records(file);
  ASSERT_THAT(events, SizeIs(3));

  const auto version = decode(events[0]);
  EXPECT_EQ(field(version, 3).bytes, "brain.Event:2");
  const auto loss = decode(events[1]);
  EXPECT_EQ(field(loss, 1).wire_type, 1u);
  EXPECT_GT(as_float<double>(field(loss, 1).value), 1.6e9);  // seconds since 1970
  EXPECT_EQ(field(loss, 2).value, 300u);
  const auto value = decode(field(decode(field(loss, 5).bytes), 1).bytes);
  EXPECT_EQ(field(value, 1).bytes, "train/loss");
  EXPECT_EQ(field(value, 2).wire_type, 5u);
  EXPECT_EQ(as_float<float>(static_cast<std::uint32_t>(field(value, 2).value)), 0.25f);
  const auto accuracy = decode(field(decode(field(decode(events[2]), 5).bytes), 1).bytes);
  EXPECT_EQ(as_float<float>(static_cast<std::uint32_t>(field(accuracy, 2).value)), -1.5f);
}

TEST(EventFile, NeverWritesIntoAnEarlierFile) {
  const Folder folder;
  { EventFile first(folder.path()); }
  { EventFile second(folder.path()); }
  EXPECT_THAT(folder.list(), SizeIs(2));
}

TEST(EventFile, FailsWhereItCannotWrite) {
  EXPECT_THROW(EventFile("/nonexistent-folder"), Failure);
}

}  // namespace
}  // namespace sluice
