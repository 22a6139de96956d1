#include "host/text/stop_words.h"

#include <algorithm>

#include "engine/error.h"
#include "host/readers/byte_source.h"
#include "host/readers/text_lines.h"
#include "host/text/ascii.h"
#include "host/text/unicode.h"

namespace sluice {
namespace {

// Between one space each. Negations are stop words too: to a topic they say nothing, in sentiment use none.
constexpr std::string_view kEnglish =
    "a an the this that these those some any each every either neither both all such same other another own "
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she "
    "her hers "
    "herself it its itself they them their theirs themselves one who whom whose which what "
    "i'm i've i'll i'd we're we've we'll we'd you're you've you'll you'd he's he'll he'd she's she'll she'd "
    "it's it'll "
    "it'd they're they've they'll they'd that's that'll there's here's who's what's where's let's "
    "am is are was were be been being have has had having do does did doing done will would shall should can "
    "could may "
    "might must ought "
    "isn't aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't won't wouldn't shan't shouldn't "
    "can't cannot "
    "couldn't mightn't mustn't needn't "
    "about above across after against along among around as at before behind below beneath beside between "
    "beyond by "
    "down during except for from in inside into of off on onto out outside over past per since through "
    "throughout to "
    "toward towards under until up upon via with within without "
    "and or but nor so yet if then else than because while although though unless whereas whether "
    "not no only very too just also again further once ever even still already rather quite almost more most "
    "much many "
    "few less least several enough here there when where why how now";

constexpr std::size_t kMaxStopWordBytes = 1u << 16;
constexpr std::string_view kApostrophe = "\u2019";

}  // namespace

void StopWords::add(std::string_view word) {
  words_.add(word);
  const std::size_t at = word.find('\'');
  if (at == std::string_view::npos) return;
  words_.add(std::string(word).replace(at, 1, kApostrophe));
}

StopWords StopWords::english() {
  StopWords words;
  for (std::size_t begin = 0; begin < kEnglish.size();) {
    const std::size_t end = std::min(kEnglish.find(' ', begin), kEnglish.size());
    words.add(kEnglish.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

StopWords StopWords::read(ByteSource& source, const std::string& name) {
  StopWords words;
  TextLines lines(source, name, kMaxStopWordBytes, /*mend=*/false);
  Line line;
  std::string normalized, folded;
  while (lines.next(line)) {
    if (const auto bad = lines.take_bad_bytes()) {
      throw UserError("{}:{}:{}: not UTF-8; save the stop word file as UTF-8", name, bad->line, bad->column);
    }
    std::string_view word = line.bytes;
    while (!word.empty() && ascii::is_space(word.back())) word.remove_suffix(1);
    const auto* begin = std::find_if_not(word.begin(), word.end(), ascii::is_space);
    const auto* space = std::find_if(begin, word.end(), ascii::is_space);
    if (space != word.end()) {
      throw UserError("{}:{}:{}: more than one stop word on a line; write one a line", name, line.number,
                      space - word.begin() + 1);
    }
    if (begin == word.end()) continue;
    word.remove_prefix(static_cast<std::size_t>(begin - word.begin()));
    fold_case(normalize_nfkc(word, normalized), folded);
    words.add(folded);
  }
  if (words.size() == 0) throw UserError("{}: no stop word in the file; write one a line, or use none", name);
  return words;
}

StopWords StopWords::open(const std::string& path) {
  check_readable(path);
  return read(*open_file(path), display_name(path));
}

}  // namespace sluice
