#include "collectives/mismatch.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/error.h"

namespace skimp {
namespace {

bool agree(const Statement& a, const Statement& b) {
  return a.fingerprint == b.fingerprint && a.sequence == b.sequence;
}

/// "allreduce count=8 op=sum" → {"call", "allreduce"}, {"count", "8"}, {"op", "sum"}.
std::vector<std::pair<std::string, std::string>> fields_of(const std::string& plan) {
  std::vector<std::pair<std::string, std::string>> fields;
  std::istringstream words(plan);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || word.find('(') < equals) {
      fields.emplace_back("call", word);
    } else {
      fields.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  return fields;
}

/// The values of `mine` that differ from `theirs`: "count = 8, op = sum". Of another collective
/// only its name: the rest is not comparable.
std::string differences(const std::string& mine, const std::string& theirs) {
  const auto other = fields_of(theirs);
  std::string listed;
  for (const auto& field : fields_of(mine)) {
    if (std::find(other.begin(), other.end(), field) != other.end()) continue;
    listed += (listed.empty() ? "" : ", ") + field.first + " = " + field.second;
    if (field.first == "call") break;
  }
  return listed;
}

/// What `mine` says of itself beside `theirs`.
std::string describe(const Statement& mine, const Statement& theirs) {
  if (!mine.text.empty() && !theirs.text.empty()) {
    const std::string listed = differences(mine.text, theirs.text);
    if (!listed.empty()) return "has " + listed;
  }
  if (mine.sequence != theirs.sequence) {
    return text("is in call ", mine.sequence, " of this communicator");
  }
  if (mine.text.empty()) return "goes on with a plan that ran before";
  return "calls " + mine.text;
}

/// Those of the earliest call, if they disagree in it: who is in a later call has passed this one,
/// and is not what went wrong. Else all of them.
std::vector<Statement> those_that_matter(const std::vector<Statement>& statements) {
  const auto by_call = [](const Statement& a, const Statement& b) {
    return a.sequence < b.sequence;
  };
  const Statement& earliest = *std::min_element(statements.begin(), statements.end(), by_call);
  std::vector<Statement> in_it;
  std::copy_if(statements.begin(), statements.end(), std::back_inserter(in_it),
               [&](const Statement& s) { return s.sequence == earliest.sequence; });
  const bool disputed = !std::all_of(in_it.begin(), in_it.end(),
                                     [&](const Statement& s) { return agree(s, earliest); });
  return disputed ? in_it : statements;
}

}  // namespace

std::string explain_mismatch(const std::vector<Statement>& all) {
  const std::vector<Statement> statements = those_that_matter(all);
  const auto supporters = [&](const Statement& statement) {
    return std::count_if(statements.begin(), statements.end(),
                         [&](const Statement& other) { return agree(statement, other); });
  };
  // The most common statement, preferably of a rank whose plan is known in words.
  const auto weight = [&](const Statement& statement) {
    return 2 * supporters(statement) + (statement.text.empty() ? 0 : 1);
  };
  const Statement& common = *std::max_element(
      statements.begin(), statements.end(),
      [&](const Statement& a, const Statement& b) { return weight(a) < weight(b); });
  const auto odd = std::find_if(statements.begin(), statements.end(),
                                [&](const Statement& s) { return !agree(s, common); });
  if (odd == statements.end()) {
    return "ranks disagree on whether this plan ran before: load residuals and make communicators "
           "on all ranks alike";
  }
  const std::string theirs = describe(*odd, common), ours = describe(common, *odd);
  if (supporters(*odd) == supporters(common)) {
    return text("rank ", odd->rank, " ", theirs, ", rank ", common.rank, " ", ours);
  }
  return text("rank ", odd->rank, " ", theirs, ", while rank ", common.rank, " ", ours,
              " like the others");
}

}  // namespace skimp
