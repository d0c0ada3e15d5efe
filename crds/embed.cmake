# cmake -DOUTPUT=file.cc -DINPUTS=a.yaml,b.yaml -P embed.cmake: the documents as string literals.
string(REPLACE "," ";" INPUTS "${INPUTS}")
set(entries "")
foreach(input IN LISTS INPUTS)
  get_filename_component(file "${input}" NAME)
  file(READ "${input}" text)
  string(APPEND entries "    {\"${file}\", R\"crd(${text})crd\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"crds/documents.h\"

namespace crds {
namespace {
constexpr EmbeddedDocument kDocuments[] = {
${entries}};
}  // namespace
std::span<const EmbeddedDocument> embedded_documents() { return kDocuments; }
}  // namespace crds
")
