/// \file
/// A sum over some of the ranks: entries at first, dense from the moment that entries would take as
/// many bytes on the wire as all values do (the switch of SparCML, Renggli et al., SC 2019).
///
/// The sum of two partial sums does not depend on which of them is added to which, nor does its
/// form; two ranks that exchange theirs hold the same bits afterwards. Elements without an entry
/// are zeros once dense, and dense sums stay dense.
#pragma once

#include <vector>

#include "collectives/entry_frames.h"
#include "collectives/entry_moves.h"

namespace skimp {

template <class Value>
class PartialSum {
 public:
  static constexpr DType dtype = dtype_of_values<Value>;

  PartialSum(std::uint64_t count, const EntryCoding& coding) : count_(count), coding_(&coding) {}

  /// Makes it the entries of one rank; the caller fills them.
  Entries<Value>& assign() {
    dense_ = false;
    return entries_;
  }

  /// Adds entries.
  void add(const Entries<Value>& other);

  /// Adds what a frame holds, as `write` made it, of at most `most` entries.
  void add(Run& run, const Frame& frame, std::uint64_t most);

  /// Makes it what a frame holds.
  void read(Run& run, const Frame& frame, std::uint64_t most);

  /// Writes a frame's payload and returns the header for Messenger::stamp.
  FrameHeader write(const Run& run, Buffer& payload) const;

  /// Writes all elements to a run's output.
  void deliver(Run& run, EntryMover<Value>& mover, const Output& output) const;

  /// The elements that are not zero, whatever the form.
  Entries<Value> nonzeros() const;

  /// The most bytes of a payload that holds at most so many entries.
  static std::uint64_t most_bytes(std::uint64_t entries, std::uint64_t count,
                                  const EntryCoding& coding);

 private:
  void switch_if_smaller();
  void check_dense(Run& run, const Frame& frame) const;
  void copy_dense(const Frame& frame);
  void add_to_values(const Entries<Value>& other);

  std::uint64_t count_;
  const EntryCoding* coding_;
  bool dense_ = false;
  Entries<Value> entries_;
  Entries<Value> other_;   ///< of a frame that is being added
  Entries<Value> merged_;  ///< takes the sum of two
  std::vector<Value> values_;
};

}  // namespace skimp
