#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

// Where output goes, and what that place can show.
namespace controller {

enum class Colour { kPlain, kGreen, kYellow, kRed, kBlue, kGrey, kBold };

struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool colour = false;    // of out
  bool live = false;      // out is a terminal whose lines can be drawn again
  bool err_live = false;  // the same for err
  int width = 80;         // columns

  // The text in that colour where out shows colours, else as it is.
  std::string paint(Colour colour, std::string_view text) const;
};

// Standard output, error and input of the process. NO_COLOR (no-color.org) and TERM=dumb are
// honoured.
Terminal process_terminal();

// Columns that the UTF-8 text takes; colour sequences take none.
size_t display_width(std::string_view text);

// The text cut to `width` columns, with "…" where something is missing.
std::string clip(std::string_view text, size_t width);

}  // namespace controller
