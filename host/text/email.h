// E-mail and news headers at the start of a text (RFC 5322, section 2.2; RFC 5536).
#pragma once

#include <string_view>

namespace sluice {

// The text after its header block and the empty line that ends it; the whole text where it has no such block.
//
// A block is a run of lines "Name: value" with their folded continuation lines (which begin with white space)
// up to the first empty line. To keep ordinary prose safe ("Note: ...", "Q: ...") a block must also have one
// field that every mail or post has: From, To, Subject, Date, Message-ID, Newsgroups, Path, Received,
// Return-Path. A leading "From " line of an mbox is part of the block, and so is a leading continuation line
// (20 Newsgroups has posts whose first field lost its name).
std::string_view strip_email_headers(std::string_view text);

}  // namespace sluice
