// What the readers' tests share: reading text in memory whole, and the message of what was thrown.
#pragma once

#include "engine/error.h"
#include "host/readers/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

struct Reading {
  std::vector<Document> documents;
  ReaderReport report;

  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const Document& document : documents) all.push_back(document.text);
    return all;
  }
  // Each document's labels, joined by "+".
  std::vector<std::string> labels() const {
    std::vector<std::string> all;
    for (const Document& document : documents) {
      std::string joined;
      for (const std::string& label : document.labels) joined += (joined.empty() ? "" : "+") + label;
      all.push_back(joined);
    }
    return all;
  }
};

inline Reading read_to_end(DocumentReader reader) {
  Reading reading;
  Document document;
  while (reader.next(document)) reading.documents.push_back(document);
  reading.report = reader.report();
  return reading;
}

// `name` gives the format: "x.csv".
inline Reading read_text(const std::string& name, std::string_view bytes, const ReaderOptions& options = {},
                         std::size_t block_bytes = 1u << 16) {
  return read_to_end(read_documents(name, bytes, options, block_bytes));
}

// The message of the UserError that `action` throws, which must be one line; "" and a failed test if it
// throws none.
template <class Action>
std::string user_error(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(error.exit_code(), 2);
    return message;
  }
  ADD_FAILURE() << "no UserError";
  return "";
}

inline std::string read_error(const std::string& name, std::string_view bytes,
                              const ReaderOptions& options = {}) {
  return user_error([&] { read_text(name, bytes, options); });
}

// Options for texts without labels.
inline ReaderOptions unlabelled(FileFormat format = FileFormat::automatic) {
  ReaderOptions options;
  options.format = format;
  options.labels_required = false;
  return options;
}

}  // namespace sluice
