#pragma once

#include <string>

// Where something stands in a file, and what is wrong with it.
namespace base {

struct Position {
  std::string file;  // as messages name it
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1, in characters
  friend auto operator<=>(const Position&, const Position&) = default;
};

// One thing that is wrong with a file. text(): "services/web.toml:12:3: components[0].imag:
// unknown field (did you mean 'image'?)".
struct Diagnostic {
  Position at;
  std::string field;    // "components[0].image"; empty when it concerns the whole file
  std::string message;  // what was found and what is allowed
  std::string hint;     // what to write instead; may be empty
  std::string text() const;
  friend auto operator<=>(const Diagnostic&, const Diagnostic&) = default;
};

}  // namespace base
