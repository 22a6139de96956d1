// E-mail headers and HTML.
#include "host/text/email.h"
#include "host/text/html.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

std::string stripped(std::string_view text, std::size_t bytes = 1u << 20) {
  HtmlStripper stripper(text);
  std::string out;
  while (!stripper.done()) stripper.strip(bytes, out);
  return out;
}

TEST(EmailHeaders, ANewsPostLosesItsHeaderBlock) {
  EXPECT_EQ(strip_email_headers(
                "From: a@b.c (Jon)\nSubject: Re: Gospel\n\tDating\nOrganization: T.U.\nLines: 93\n\nIn "
                "article\n\nyes"),
            "In article\n\nyes");
  EXPECT_EQ(strip_email_headers("Subject: x\r\nFrom: y\r\n\r\nbody\r\n"), "body\r\n");
  EXPECT_EQ(strip_email_headers("From - Thu Apr 1\nSubject: x\n\nbody"), "body");
  EXPECT_EQ(strip_email_headers("Lines: 0\nSubject: x\n\n"), "");
}

TEST(EmailHeaders, ABlockWhoseFirstFieldLostItsNameGoesToo) {
  EXPECT_EQ(strip_email_headers(
                " zaphod!wupost!livesey\nSubject: Re: <Political Atheists?\n <1993@x>\nFrom: l\n\nbody"),
            "body");
}

TEST(EmailHeaders, OtherTextsStayWhole) {
  for (const char* text : {"", "\n", "\nSubject: x\n\nbody",   // an empty line first: no header before it
                           "Dear all,\n\nSubject: x\n\nbody",  // prose before it
                           "Note: mind the gap\nWarning: x\n\nbody",  // fields, but none that mail has
                           "Subject: x\nand prose\n\nbody",           // a line that is no field
                           "Subject: x\nFrom: y",                     // no empty line
                           "Subject: x\nFrom: y\n", "Q: why\nA: because\n\n", "http://x.y/from: here\n\nbody",
                           " indented prose\nFrom there it went on\n\nbody", ": no name\nFrom: x\n\nbody"}) {
    EXPECT_EQ(strip_email_headers(text), text) << testing::PrintToString(text);
  }
}

TEST(Html, TagsAndCommentsGo) {
  EXPECT_EQ(stripped("<p>One</p><p class=\"a>b\">t<b>w</b>o<br/>x<!-- y -- > z -->end"), " One  two x end");
  EXPECT_EQ(stripped("<o:p></o:p><my-box x=y>z"), "   z");
  EXPECT_EQ(stripped("<!DOCTYPE html><?xml v?><SCRIPT type=x>if (a<b) c();</script >t<style>p{}</STYLE>u"),
            "   t u");
}

TEST(Html, WhatIsNoTagStays) {
  for (const char* text :
       {"a < b > c", "<john@example.com> wrote", "<1993Apr@x>", "x <", "<", "<b", "</", "<!", "<!--",
        "<p no end", "a<b<c", "Re: <Political Atheists? >", "vector<int> v", "<T>", "<p <", "<>"}) {
    EXPECT_EQ(stripped(text), text);
  }
}

TEST(Html, EntitiesAreDecodedOnce) {
  EXPECT_EQ(stripped("&lt;3 AT&amp;T &eacute;&#233;&#xE9; &amp;lt; &nbsp;&hellip;&apos;"),
            "<3 AT&T ééé &lt;  …'");
  EXPECT_EQ(stripped("&#151;&#0;&#x110000;&#xD800;&#99999999999;"), "—\ufffd\ufffd\ufffd&#99999999999;");
  for (const char* text : {"&", "&;", "&#;", "&#x;", "&nosuch;", "& amp;x", "&amp", "&#12a;"}) {
    EXPECT_EQ(stripped(text).substr(0, 1), "&") << text;
  }
}

TEST(Html, ScrapedNewsIsMended) {
  EXPECT_EQ(stripped("America #39;s top, a  #39;fully #39; &lt;b&gt;...&lt;/b&gt; on\\Thursday \\$24 quot;x "
                     "quot; S amp;P #x"),
            "America's top, a 'fully' ... on Thursday  $24\"x\" S&P #x");
  EXPECT_EQ(stripped("&lt;p&gt;&lt;/p&gt;By &lt;A HREF=\"http://x.y\"&gt;Joe&lt;/A&gt;"), "  By  Joe ");
}

TEST(Html, PieceByPieceIsTheWhole) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {
      "<p>",  "</b>", "<",        ">",         " ",  "\n", "&lt;",   "&gt;",  " #39;", "word",
      "<!--", "-->",  "<script>", "</script>", "\"", "=",  "\u00e9", "&amp;", "\\",    "<a href='x y'>"};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::size_t n = random() % 30; n > 0; --n) text += parts[random() % parts.size()];
    ASSERT_EQ(stripped(text, 1), stripped(text)) << text;
  }
}

// Quadratic time would take minutes here.
TEST(Html, HostileTextsTakeLinearTime) {
  for (const std::string part :
       {"<!--", "<script>", "<a =\"", "&lt;a ", "<a -- ", "</", "&#", "<!-- --", "<style></"}) {
    std::string text;
    while (text.size() < (4u << 20)) text += part;
    EXPECT_FALSE(stripped(text).empty());
  }
}

TEST(Html, ThroughThePipeline) {
  TextOptions options;
  options.html = "strip";
  EXPECT_THAT(tokens_of(options, "Chirac criticises release &lt;b&gt;...&lt;/b&gt; Iraq #39;s"),
              testing::ElementsAre("chirac", "criticises", "release", "iraq's"));
  options.email_headers = "strip";
  EXPECT_THAT(tokens_of(options, "From: x\nSubject: y\n\n<i>a</i>b"), testing::ElementsAre("ab"));
}

}  // namespace
}  // namespace sluice
