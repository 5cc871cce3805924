// Monotonic alignment search (Kim et al. 2020, Glow-TTS): every frame belongs to one label, labels in order, none left out.
#include "viterbi.h"

namespace {

using namespace ssr;

// One frame: labels [lo, hi] from the scores of the frame before. Index -1 of `before` is readable and never reached.
// Returns whether an emission was not a number.
SSR_WIDEST_VECTORS bool advance(const float* before, const float* emission, float* after, int64_t lo, int64_t hi) {
  int32_t odd = 0;
#pragma GCC ivdep
  for (int64_t j = lo; j <= hi; ++j) {
    odd |= emission[j] != emission[j];
    after[j] = larger(before[j], before[j - 1]) + emission[j];
  }
  return odd;
}

Status align(const float* log_probs, int64_t stride, int64_t T, int64_t N, int64_t* durations) {
  std::fill(durations, durations + N, 0);
  if (N == 0) return T == 0 ? kAligned : kInfeasible;
  if (T < N) return kInfeasible;
  const int64_t K = checkpoint_interval(T, N, 1), blocks = (T + K - 1) / K;
  // Labels that the frame can have reached, and that can still reach the last one.
  const auto lowest = [&](int64_t t) { return std::max<int64_t>(0, N - T + t); };
  const auto furthest = [&](int64_t t) { return std::min(N - 1, t); };

  std::vector<float> rolling(2 * (N + 1), kNever), checkpoints(blocks * N, kNever);
  float *before = rolling.data() + 1, *after = before + N + 1;
  bool odd = false;
  for (int64_t t = 0; t < T; ++t) {
    if (t % K == 0 && t > 0) {
      const int64_t lo = lowest(t - 1), n = furthest(t - 1) - lo + 1;
      rebase(before + lo, n, highest(before + lo, n));
      std::copy_n(before + lo, n, &checkpoints[t / K * N + lo]);
    }
    const float* emission = log_probs + t * stride;
    if (t == 0) {
      after[0] = emission[0];
      odd |= emission[0] != emission[0];
    } else {
      odd |= advance(before, emission, after, lowest(t), furthest(t));
    }
    std::swap(before, after);
  }
  if (odd) return kNotANumber;
  if (!(before[N - 1] > kNever)) return kInfeasible;

  // Back, block by block: rows of `width` labels that end at the one the block ends in, one more in front.
  int64_t label = N - 1;
  const int64_t row = K + 2;
  std::vector<float> block((K + 1) * row);
  for (int64_t b = blocks - 1; b >= 0; --b) {
    const int64_t first = b * K, last = std::min(T, first + K) - 1;
    const int64_t left = std::max<int64_t>(0, label - K), width = label - left + 1;
    const auto scores = [&](int64_t t) { return block.data() + (t - first + 1) * row + 1 - left; };
    std::fill(block.begin(), block.end(), kNever);
    if (b > 0) std::copy_n(&checkpoints[b * N + left], width, scores(first - 1) + left);
    for (int64_t t = first; t <= last; ++t) {
      if (t == 0) {
        if (left == 0) scores(0)[0] = log_probs[0];
      } else {
        advance(scores(t - 1), log_probs + t * stride, scores(t), left, label);
      }
    }
    for (int64_t t = last; t >= first; --t) {
      ++durations[label];
      if (t > 0 && label > 0) {
        const float* s = scores(t - 1);
        if (s[label - 1] > s[label]) --label;
      }
    }
  }
  return kAligned;
}

}  // namespace

// log_probs [B, T, N] with strides in floats; lengths and durations int64; status [B]. Returns 0, or 1 without memory.
extern "C" int ssr_monotonic_alignment_search(const float* log_probs, int64_t items, int64_t item_stride, int64_t frame_stride,
                                              const int64_t* speech_lengths, const int64_t* text_lengths, int64_t* durations,
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
