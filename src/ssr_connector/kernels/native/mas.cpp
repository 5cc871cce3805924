// Monotonic alignment search (Kim et al. 2020, Glow-TTS): each frame belongs to one label, labels in order, none left out.
//
// Where the best path to a label comes from the label before is kept as a bit, those of 32 frames in one word a label:
// a vector of words is updated as a vector of scores is, and the way back goes from set bit to set bit. All bits take a
// 32nd of the memory of the scores.
#include <utility>

#include "viterbi.h"

namespace {

using namespace ssr;

constexpr int64_t kBlockFrames = 32;
constexpr int64_t kPrefetchFloats = 2048;  // two pages ahead, where the processor's own prefetching stops

// One frame: the scores of sixteen labels, and the bit of the frame where the best path comes from the label before.
// What is not a number stays so.
SSR_INLINE void step(Lanes left, Lanes* scores, Words* moves, const float* emission, Words bit) {
  Lanes e;
  std::memcpy(&e, emission, sizeof e);
  __builtin_prefetch(emission + kPrefetchFloats);
  const Lanes here = *scores, before = shifted(left, here);
  *moves |= reinterpret_cast<Words>(before > here) & bit;
  *scores = larger(before, here) + e;
}

// `frames` of a block over `chunks` chunks; the chunk in front of them is read. Rows are read in whole chunks.
SSR_INLINE void advance_many(const float* rows, int64_t stride, int64_t frames, int64_t chunks, Lanes* scores,
                             Words* moves) {
  std::fill_n(moves, chunks, Words{});
  Words bit = Words{} + 1;
  for (int64_t j = 0; j < frames; ++j, bit += bit) {
    Lanes left = scores[-1];
    for (int64_t c = 0; c < chunks; ++c) {
      const Lanes here = scores[c];
      step(left, &scores[c], &moves[c], rows + j * stride + c * kLanes, bit);
      left = here;
    }
  }
}

// The same with scores and moves in registers: a row of few chunks would wait for the stores of the one before.
template <size_t... kFromLast>
SSR_INLINE void advance_few(const float* rows, int64_t stride, int64_t frames, Lanes* scores, Words* moves,
                            std::index_sequence<kFromLast...>) {
  constexpr size_t kLast = sizeof...(kFromLast) - 1;
  Lanes rolling[kLast + 2];  // after the chunk in front
  Words marks[kLast + 1] = {};
  std::copy_n(scores - 1, kLast + 2, rolling);
  Words bit = Words{} + 1;
  for (int64_t j = 0; j < frames; ++j, bit += bit) {
    const float* row = rows + j * stride;
    (step(rolling[kLast - kFromLast], &rolling[kLast - kFromLast + 1], &marks[kLast - kFromLast],
          row + (kLast - kFromLast) * kLanes, bit), ...);
  }
  std::copy_n(rolling + 1, kLast + 1, scores);
  std::copy_n(marks, kLast + 1, moves);
}

template <size_t kChunks>
SSR_INLINE void advance_few(const float* rows, int64_t stride, int64_t frames, Lanes* scores, Words* moves) {
  advance_few(rows, stride, frames, scores, moves, std::make_index_sequence<kChunks>());
}

SSR_WIDEST_VECTORS void advance(const float* rows, int64_t stride, int64_t frames, int64_t chunks, Lanes* scores,
                                Words* moves) {
  switch (chunks) {
    case 1: return advance_few<1>(rows, stride, frames, scores, moves);
    case 2: return advance_few<2>(rows, stride, frames, scores, moves);
    case 3: return advance_few<3>(rows, stride, frames, scores, moves);
    case 4: return advance_few<4>(rows, stride, frames, scores, moves);
    default: return advance_many(rows, stride, frames, chunks, scores, moves);
  }
}

constexpr int64_t blocks_of(int64_t T) { return (T + kBlockFrames - 1) / kBlockFrames; }

// Memory for any item of a batch.
struct Workspace {
  Workspace(int64_t most_chunks, int64_t most_moves)
      : scores(most_chunks + 1), padded(kBlockFrames * most_chunks), moves(most_moves) {}
  const Scores scores;  // after a chunk in front of the first label
  const Scores padded;  // the last rows, where whole chunks would reach beyond the item's memory
  const Scores moves;   // [blocks, chunks], of integers
};

Status align(const float* log_probs, int64_t stride, int64_t T, int64_t N, const Workspace& workspace,
             int64_t* durations) {
  if (N == 0) return T == 0 ? kAligned : kInfeasible;
  if (T < N) return kInfeasible;
  const int64_t chunks = chunks_of(N), width = chunks * kLanes;
  const float* end = log_probs + (T - 1) * stride + N;

  Lanes* rolling = workspace.scores.at(1);
  float* scores = floats(rolling);
  std::fill_n(workspace.scores.at(0), chunks + 1, same(kNever));
  scores[0] = log_probs[0];
  // Blocks begin at frame 1. Labels that one can have reached, and that can still reach the last one, are a band.
  const int64_t blocks = blocks_of(T - 1);
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t t = 1 + b * kBlockFrames, frames = std::min(kBlockFrames, T - t), last = t + frames - 1;
    const int64_t lo = std::max<int64_t>(0, N - T + t) / kLanes, hi = std::min(N - 1, last) / kLanes;
    const float* rows = log_probs + t * stride;
    int64_t row_stride = stride;
    if (rows + (frames - 1) * stride + (hi + 1) * kLanes > end) {
      float* padded = floats(workspace.padded.at(0));
      for (int64_t j = 0; j < frames; ++j) std::copy_n(rows + j * stride, N, padded + j * width);
      rows = padded;
      row_stride = width;
    }
    advance(rows + lo * kLanes, row_stride, frames, hi - lo + 1, rolling + lo, words(workspace.moves.at(b * chunks + lo)));
    if (b % (kRebaseFrames / kBlockFrames) == 0) {
      const int64_t low = std::max<int64_t>(0, N - T + last), n = std::min(N - 1, last) - low + 1;
      rebase(scores + low, n, highest(scores + low, n));
    }
  }
  if (not_a_number(scores, N)) return kNotANumber;
  if (!(scores[N - 1] > kNever)) return kInfeasible;

  // Back, from the last frame of each label to the one that moved into it.
  int64_t label = N - 1;
  for (int64_t b = blocks - 1; b >= 0; --b) {
    int64_t left = std::min(kBlockFrames, T - 1 - b * kBlockFrames);  // frames of the block without a label yet
    while (left > 0) {
      const uint64_t moves = reinterpret_cast<const uint32_t*>(workspace.moves.at(b * chunks))[label];
      const uint64_t of_those_left = moves & ((uint64_t{1} << left) - 1);
      const int64_t first = of_those_left ? 63 - __builtin_clzll(of_those_left) : 0;
      durations[label] += left - first;
      left = first;
      if (of_those_left) --label;
    }
  }
  ++durations[label];
  return kAligned;
}

}  // namespace

// log_probs [B, T, N] with strides in floats; lengths and durations [B, N] int64; status [B]. Returns 0, or 1 without memory.
extern "C" int ssr_monotonic_alignment_search(const float* log_probs, int64_t items, int64_t item_stride,
                                              int64_t frame_stride, const int64_t* speech_lengths,
                                              const int64_t* text_lengths, int64_t* durations,
                                              int64_t durations_stride, uint8_t* status) {
  try {
    int64_t most_chunks = 0, most_moves = 0;
    for (int64_t i = 0; i < items; ++i) {
      if (speech_lengths[i] < text_lengths[i]) continue;
      most_chunks = std::max(most_chunks, chunks_of(text_lengths[i]));
      most_moves = std::max(most_moves, blocks_of(speech_lengths[i]) * chunks_of(text_lengths[i]));
    }
    const Workspace workspace(most_chunks, most_moves);
    for (int64_t i = 0; i < items; ++i) {
      int64_t* const of_item = durations + i * durations_stride;
      std::fill_n(of_item, durations_stride, 0);
      status[i] = align(log_probs + i * item_stride, frame_stride, speech_lengths[i], text_lengths[i], workspace,
                        of_item);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
