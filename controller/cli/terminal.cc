#include "controller/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace controller {
namespace {

std::string_view sequence(Colour colour) {
  switch (colour) {
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kBlue:
      return "\x1b[36m";
    case Colour::kGrey:
      return "\x1b[90m";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kPlain:
      break;
  }
  return "";
}

// Calls visit(bytes of one character or one escape sequence, columns).
template <class Visit>
void each_glyph(std::string_view text, Visit visit) {
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    size_t columns = 1;
    if (text[at] == '\x1b') {
      while (end < text.size() && text[end - 1] != 'm') ++end;
      columns = 0;
    } else {
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    }
    if (!visit(text.substr(at, end - at), columns)) return;
    at = end;
  }
}

}  // namespace

std::string Terminal::paint(Colour which, std::string_view text) const {
  if (!colour || which == Colour::kPlain || text.empty()) return std::string(text);
  return std::string(sequence(which)) + std::string(text) + "\x1b[0m";
}

Terminal process_terminal() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  Terminal terminal{std::cout, std::cerr, std::cin};
  terminal.live = isatty(STDOUT_FILENO) == 1 && !dumb;
  terminal.err_live = isatty(STDERR_FILENO) == 1 && !dumb;
  terminal.colour = terminal.live && (no_colour == nullptr || *no_colour == '\0');
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.width = size.ws_col;
  return terminal;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  each_glyph(text, [&](std::string_view, size_t columns) {
    width += columns;
    return true;
  });
  return width;
}

std::string clip(std::string_view text, size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::string out;
  size_t used = 0;
  bool coloured = false;
  each_glyph(text, [&](std::string_view glyph, size_t columns) {
    if (used + columns + 1 > width) return false;
    out += glyph;
    used += columns;
    coloured = coloured || columns == 0;
    return true;
  });
  return out + "…" + (coloured ? "\x1b[0m" : "");
}

}  // namespace controller
