// How the table of options is written: one line an option, bound to its field in Config by two member
// pointers.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "host/program/config.h"
#include "host/program/option.h"

namespace sluice::make {

// The place of a field: a section of Config and, in it or in what it derives from, the field.
template <class Section, class Owner, class Field>
struct At {
  Section Config::*section;
  Field Owner::*field;
  Field& in(Config& config) const { return config.*section.*field; }
  const Field& in(const Config& config) const { return config.*section.*field; }
};
template <class Section, class Owner, class Field>
At(Section Config::*, Field Owner::*) -> At<Section, Owner, Field>;

template <class Section, class Owner>
Option boolean(const char* key, At<Section, Owner, bool> at, const char* comment) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::boolean,
          .get = [at](const Config& c) { return Value(at.in(c)); },
          .put = [at](Config& c, const Value& v) { at.in(c) = std::get<bool>(v); }};
}

template <class Section, class Owner, class Integer>
Option integer(const char* key, At<Section, Owner, Integer> at, double low, double high,
               const char* comment) {
  static_assert(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>);
  return {
      .key = key,
      .comment = comment,
      .kind = ValueKind::integer,
      .low = low,
      .high = high,
      .get = [at](const Config& c) { return Value(static_cast<std::int64_t>(at.in(c))); },
      .put = [at](Config& c, const Value& v) { at.in(c) = static_cast<Integer>(std::get<std::int64_t>(v)); }};
}

template <class Section, class Owner>
Option real(const char* key, At<Section, Owner, double> at, double low, double high, const char* comment) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::real,
          .low = low,
          .high = high,
          .get = [at](const Config& c) { return Value(at.in(c)); },
          .put = [at](Config& c, const Value& v) { at.in(c) = std::get<double>(v); }};
}

template <class Section, class Owner>
Option text(const char* key, At<Section, Owner, std::string> at, const char* comment,
            std::vector<std::string> choices = {}) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::text,
          .choices = std::move(choices),
          .get = [at](const Config& c) { return Value(at.in(c)); },
          .put = [at](Config& c, const Value& v) { at.in(c) = std::get<std::string>(v); }};
}

template <class Section, class Owner>
Option texts(const char* key, At<Section, Owner, std::vector<std::string>> at, const char* comment) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::texts,
          .get = [at](const Config& c) { return Value(at.in(c)); },
          .put = [at](Config& c, const Value& v) { at.in(c) = std::get<std::vector<std::string>>(v); }};
}

// A list of whole numbers.
template <class Section, class Owner>
Option integers(const char* key, At<Section, Owner, std::vector<int>> at, double low, double high,
                const char* comment) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::integers,
          .low = low,
          .high = high,
          .get =
              [at](const Config& c) {
                const std::vector<int>& list = at.in(c);
                return Value(std::vector<std::int64_t>(list.begin(), list.end()));
              },
          .put =
              [at](Config& c, const Value& v) {
                std::vector<int>& list = at.in(c);
                list.clear();
                for (const std::int64_t i : std::get<std::vector<std::int64_t>>(v))
                  list.push_back(static_cast<int>(i));
              }};
}

// The words for an enumeration's values.
template <class Enum>
using Names = std::vector<std::pair<const char*, Enum>>;

template <class Enum>
std::vector<std::string> words(const Names<Enum>& names) {
  std::vector<std::string> list;
  for (const auto& [word, value] : names) list.emplace_back(word);
  return list;
}

template <class Enum>
std::string word_of(const Names<Enum>& names, Enum value) {
  for (const auto& [word, named] : names) {
    if (named == value) return word;
  }
  throw Failure("a configured value has no name");
}

template <class Enum>
Enum value_of(const Names<Enum>& names, const std::string& text) {
  for (const auto& [word, value] : names) {
    if (text == word) return value;
  }
  throw Failure("no value is named {}", text);
}

template <class Section, class Owner, class Enum>
Option choice(const char* key, At<Section, Owner, Enum> at, const Names<std::type_identity_t<Enum>>& names,
              const char* comment) {
  return {
      .key = key,
      .comment = comment,
      .kind = ValueKind::text,
      .choices = words(names),
      .get = [=](const Config& c) { return Value(word_of<Enum>(names, at.in(c))); },
      .put = [=](Config& c, const Value& v) { at.in(c) = value_of<Enum>(names, std::get<std::string>(v)); }};
}

// A list of an enumeration's values.
template <class Section, class Owner, class Enum>
Option choices(const char* key, At<Section, Owner, std::vector<Enum>> at,
               const Names<std::type_identity_t<Enum>>& names, const char* comment) {
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::texts,
          .choices = words(names),
          .get =
              [=](const Config& c) {
                std::vector<std::string> list;
                for (const Enum value : at.in(c)) list.push_back(word_of<Enum>(names, value));
                return Value(list);
              },
          .put =
              [=](Config& c, const Value& v) {
                at.in(c).clear();
                for (const std::string& word : std::get<std::vector<std::string>>(v)) {
                  at.in(c).push_back(value_of<Enum>(names, word));
                }
              }};
}

// A list of words, each of which switches a bool of the section on.
template <class Section, class Owner>
Option flags(const char* key, Section Config::*section,
             std::vector<std::pair<const char*, bool Owner::*>> names, const char* comment) {
  std::vector<std::string> all;
  for (const auto& [word, flag] : names) all.emplace_back(word);
  return {.key = key,
          .comment = comment,
          .kind = ValueKind::texts,
          .choices = std::move(all),
          .get =
              [=](const Config& c) {
                std::vector<std::string> list;
                for (const auto& [word, flag] : names) {
                  if (c.*section.*flag) list.emplace_back(word);
                }
                return Value(list);
              },
          .put =
              [=](Config& c, const Value& v) {
                const auto& list = std::get<std::vector<std::string>>(v);
                for (const auto& [word, flag] : names) {
                  c.*section.*flag = std::find(list.begin(), list.end(), word) != list.end();
                }
              }};
}

}  // namespace sluice::make
