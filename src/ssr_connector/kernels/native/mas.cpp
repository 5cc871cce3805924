// Monotonic alignment search (Kim et al. 2020, Glow-TTS): each frame belongs to one label, labels in order, none left out.
#include "viterbi.h"

namespace {

using namespace ssr;

constexpr int64_t kPrefetchFloats = 2048;  // two pages ahead, where the processor's own prefetching stops

// One frame over the chunks [first, last], from the scores `before` to `after`, which may be the same; the chunk in front
// of the first is read. Of `emission` whole chunks are read and `n` scores are used. Returns whether one was NaN.
SSR_WIDEST_VECTORS bool advance(const Lanes* before, Lanes* after, const float* emission, int64_t n, int64_t first,
                                int64_t last) {
  IntLanes odd = {};
  Lanes left = before[first - 1];
  for (int64_t c = first; c <= last; ++c) {
    Lanes e;
    std::memcpy(&e, emission + c * kLanes, sizeof e);
    __builtin_prefetch(emission + c * kLanes + kPrefetchFloats);
    e = only(e, n - c * kLanes);
    const Lanes here = before[c];
    after[c] = larger(shifted(left, here), here) + e;
    odd |= e != e;
    left = here;
  }
  return any(odd);
}

// Rows of scores that can be read in whole chunks: what lies beyond the memory of the item is copied first.
class Rows {
 public:
  Rows(const float* log_probs, int64_t stride, int64_t T, int64_t N)
      : log_probs_(log_probs), stride_(stride), end_((T - 1) * stride + N), N_(N), copy_(chunks_of(N)) {}
  const float* at(int64_t t, int64_t label, int64_t chunks) const {
    const int64_t offset = t * stride_ + label;
    if (offset + chunks * kLanes <= end_) return log_probs_ + offset;
    std::copy_n(log_probs_ + t * stride_ + label, N_ - label, floats(copy_.at(0)));
    return floats(copy_.at(0));
  }

 private:
  const float* log_probs_;
  const int64_t stride_, end_, N_;
  const Scores copy_;
};

// All frames, with marks for every label of every frame that say whether the best path comes from the label before.
// `scores` begins after a chunk in front. Returns whether a score was NaN.
SSR_WIDEST_VECTORS bool search_marked(const Rows& rows, int64_t T, int64_t N, Lanes* rolling, Marks* marks) {
  const int64_t chunks = chunks_of(N);
  float* scores = floats(rolling);
  IntLanes odd = {};
  for (int64_t t = 0; t < T; ++t) {
    const int64_t lo = std::max<int64_t>(0, N - T + t), hi = std::min(N - 1, t);
    const float* emission = rows.at(t, 0, chunks);
    Lanes left = rolling[lo / kLanes - 1];
    for (int64_t c = lo / kLanes; c <= hi / kLanes; ++c) {
      Lanes e;
      std::memcpy(&e, emission + c * kLanes, sizeof e);
      __builtin_prefetch(emission + c * kLanes + kPrefetchFloats);
      e = only(e, N - c * kLanes);
      const Lanes here = rolling[c], before = shifted(left, here);
      marks[t * chunks + c] = __builtin_convertvector(before > here, Marks);
      rolling[c] = larger(before, here) + e;
      odd |= e != e;
      left = here;
    }
    scores[-1] = kNever;
    if (t % kRebaseFrames == kRebaseFrames - 1) rebase(scores + lo, hi - lo + 1, highest(scores + lo, hi - lo + 1));
  }
  return any(odd);
}

Status align(const float* log_probs, int64_t stride, int64_t T, int64_t N, int64_t* durations) {
  std::fill(durations, durations + N, 0);
  if (N == 0) return T == 0 ? kAligned : kInfeasible;
  if (T < N) return kInfeasible;
  const int64_t chunks = chunks_of(N), width = chunks * kLanes;
  const int64_t K = checkpoint_interval(T, width, 1), blocks = (T + K - 1) / K;
  // Labels that the frame can have reached, and that can still reach the last one.
  const auto lowest = [&](int64_t t) { return std::max<int64_t>(0, N - T + t); };
  const auto furthest = [&](int64_t t) { return std::min(N - 1, t); };

  const Rows rows(log_probs, stride, T, N);
  const bool marked = T * width <= kMostMarks;
  const Scores memory(chunks + 1), checkpoints(marked ? 0 : blocks * chunks);
  Lanes* rolling = memory.at(1);
  float* scores = floats(rolling);
  scores[-1] = 0.0f;  // before the first frame: in front of the first label
  if (marked) {
    const std::unique_ptr<Marks[]> marks(new Marks[T * chunks]);
    if (search_marked(rows, T, N, rolling, marks.get())) return kNotANumber;
    if (!(scores[N - 1] > kNever)) return kInfeasible;
    for (int64_t t = T - 1, label = N - 1; t >= 0; --t) {
      ++durations[label];
      if (t > 0 && reinterpret_cast<const int8_t*>(&marks[t * chunks])[label]) --label;
    }
    return kAligned;
  }
  bool odd = false;
  for (int64_t t = 0; t < T; ++t) {
    if (t % K == 0 && t > 0) {
      const int64_t lo = lowest(t - 1), n = furthest(t - 1) - lo + 1;
      rebase(scores + lo, n, highest(scores + lo, n));
      std::copy_n(rolling, chunks, checkpoints.at(t / K * chunks));
    }
    odd |= advance(rolling, rolling, rows.at(t, 0, chunks), N, lowest(t) / kLanes, furthest(t) / kLanes);
    scores[-1] = kNever;
  }
  if (odd) return kNotANumber;
  if (!(scores[N - 1] > kNever)) return kInfeasible;

  // Back, block by block: a row of scores a frame, of the labels from `left` to the one that the block ends in.
  int64_t label = N - 1;
  const int64_t row = chunks_of(K + 1) + 1;  // one chunk in front is never reached
  const Scores block((K + 1) * row);
  for (int64_t b = blocks - 1; b >= 0; --b) {
    const int64_t first = b * K, last = std::min(T, first + K) - 1;
    const int64_t left = std::max<int64_t>(0, label - K), n = label - left + 1;
    const auto chunk = [&](int64_t t) { return block.at((t - first + 1) * row + 1); };
    const auto score = [&](int64_t t, int64_t j) { return floats(chunk(t))[j - left]; };
    std::fill_n(block.at(0), row, same(kNever));
    float* before = floats(chunk(first - 1));
    if (b > 0) {
      std::copy_n(floats(checkpoints.at(b * chunks)) + left, n, before);
    } else {
      before[-1] = 0.0f;
    }
    for (int64_t t = first; t < last; ++t) {  // the scores of the last frame decide nothing
      advance(chunk(t - 1), chunk(t), rows.at(t, left, chunks_of(n)), n, 0, chunks_of(n) - 1);
    }
    for (int64_t t = last; t >= first; --t) {
      ++durations[label];
      if (label > 0 && score(t - 1, label - 1) > score(t - 1, label)) --label;
    }
  }
  return kAligned;
}

}  // namespace

// log_probs [B, T, N] with strides in floats; lengths and durations int64; status [B]. Returns 0, or 1 without memory.
extern "C" int ssr_monotonic_alignment_search(const float* log_probs, int64_t items, int64_t item_stride,
                                              int64_t frame_stride, const int64_t* speech_lengths,
                                              const int64_t* text_lengths, int64_t* durations,
                                              int64_t durations_stride, uint8_t* status) {
  try {
    for (int64_t i = 0; i < items; ++i) {
      status[i] = align(log_probs + i * item_stride, frame_stride, speech_lengths[i], text_lengths[i],
                        durations + i * durations_stride);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
