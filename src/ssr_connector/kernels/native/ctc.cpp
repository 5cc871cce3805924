// CTC forced alignment: the most probable path that spells given labels (Graves et al. 2006), exactly.
//
// States are kept in two arrays, blanks[j] before label j (j = L: after the last) and labels[j], so that a frame is two
// loops over neighbours.
#include "viterbi.h"

namespace {

using namespace ssr;

struct Labels {
  std::vector<int32_t> ids;
  std::vector<float> skip;  // 0 where a label may follow the one before it without a blank, else minus infinity
};

// One frame: blanks [lo_blank, hi_blank] and labels [lo, hi]. Index -1 of the labels before is readable, never reached.
SSR_WIDEST_VECTORS bool advance(const float* blanks, const float* labels, const float* emission, float blank_emission,
                                const int32_t* ids, const float* skip, float* new_blanks, float* new_labels,
                                int64_t lo_blank, int64_t hi_blank, int64_t lo, int64_t hi) {
  int32_t odd = blank_emission != blank_emission;
#pragma GCC ivdep
  for (int64_t j = lo_blank; j <= hi_blank; ++j) {
    new_blanks[j] = larger(blanks[j], labels[j - 1]) + blank_emission;
  }
#pragma GCC ivdep
  for (int64_t j = lo; j <= hi; ++j) {
    const float e = emission[ids[j]];
    odd |= e != e;
    new_labels[j] = larger(larger(labels[j], blanks[j]), labels[j - 1] + skip[j]) + e;
  }
  return odd;
}

Status align(const float* log_probs, int64_t stride, int64_t T, int64_t L, int64_t blank, const Labels& text,
             int64_t* starts, int64_t* ends, float* means) {
  std::fill(starts, starts + L, 0);
  std::fill(ends, ends + L, 0);
  std::fill(means, means + L, 0.0f);
  if (T == 0) return L == 0 ? kAligned : kInfeasible;
  if (T < L) return kInfeasible;
  const int64_t width = 2 * (L + 1);  // blanks 0..L, then label -1 and labels 0..L-1
  const int64_t K = checkpoint_interval(T, width, 2), blocks = (T + K - 1) / K;
  // States that the frame can have reached, and that can still reach the end.
  const auto lowest = [&](int64_t t) { return std::max<int64_t>(0, L - T + t); };
  const auto lowest_blank = [&](int64_t t) { return std::max<int64_t>(0, L - T + t + 1); };

  std::vector<float> rolling(2 * width, kNever), checkpoints(blocks * width, kNever);
  float *before = rolling.data(), *after = before + width;
  before[0] = 0.0f;  // before the first frame: in front of everything
  bool odd = false;
  for (int64_t t = 0; t < T; ++t) {
    if (t % K == 0) {
      if (t > 0) {
        float *blanks = before + lowest_blank(t - 1), *labels = before + L + 2 + lowest(t - 1);
        const int64_t n = std::min(L, t - 1) + 1 - lowest_blank(t - 1), m = std::min(L - 1, t - 1) + 1 - lowest(t - 1);
        const float best = std::max(highest(blanks, n), highest(labels, m));
        rebase(blanks, n, best);
        rebase(labels, m, best);
      }
      std::copy_n(before, width, &checkpoints[t / K * width]);
    }
    const float* emission = log_probs + t * stride;
    odd |= advance(before, before + L + 2, emission, emission[blank], text.ids.data(), text.skip.data(), after,
                   after + L + 2, lowest_blank(t), std::min(L, t), lowest(t), std::min(L - 1, t));
    std::swap(before, after);
    if (t == 0) std::fill(after, after + width, kNever);  // the state before the first frame counts once
  }
  if (odd) return kNotANumber;
  const float in_blank = before[L], in_label = L > 0 ? before[L + 1 + L] : kNever;
  if (!(larger(in_blank, in_label) > kNever)) return kInfeasible;

  bool silent = in_blank > in_label;
  int64_t label = silent ? L : L - 1;  // the blank before it, where silent
  const int64_t row = 2 * (K + 2);
  std::vector<float> block((K + 1) * row);
  std::vector<double> sums(L, 0.0);
  for (int64_t b = blocks - 1; b >= 0; --b) {
    const int64_t first = b * K, last = std::min(T, first + K) - 1;
    const int64_t left = std::max<int64_t>(0, label - K), n = label - left + 1;
    const int64_t n_labels = std::min(label, L - 1) - left + 1;
    const auto blanks = [&](int64_t t) { return block.data() + (t - first + 1) * row - left; };
    const auto labels = [&](int64_t t) { return blanks(t) + K + 3; };
    std::fill(block.begin(), block.end(), kNever);
    const float* saved = &checkpoints[b * width];
    std::copy_n(saved + left, n, blanks(first - 1) + left);
    std::copy_n(saved + L + 2 + left, n_labels, labels(first - 1) + left);
    for (int64_t t = first; t <= last; ++t) {
      const float* emission = log_probs + t * stride;
      advance(blanks(t - 1), labels(t - 1), emission, emission[blank], text.ids.data(), text.skip.data(), blanks(t),
              labels(t), left, left + n - 1, left, left + n_labels - 1);
    }
    for (int64_t t = last; t >= first; --t) {
      const float *blanks_before = blanks(t - 1), *labels_before = labels(t - 1);
      if (silent) {
        if (label > 0 && labels_before[label - 1] > blanks_before[label]) {
          silent = false;
          --label;
        }
        continue;
      }
      starts[label] = t;
      if (ends[label] == 0) ends[label] = t + 1;
      sums[label] += log_probs[t * stride + text.ids[label]];
      const float stay = labels_before[label], enter = blanks_before[label];
      const float skip = label > 0 ? labels_before[label - 1] + text.skip[label] : kNever;
      if (skip > larger(stay, enter)) {
        --label;
      } else if (enter > stay) {
        silent = true;
      }
    }
  }
  for (int64_t j = 0; j < L; ++j) means[j] = static_cast<float>(sums[j] / (ends[j] - starts[j]));
  return kAligned;
}

}  // namespace

// log_probs [B, T, V] with strides in floats; targets, starts, ends [B, L] int64, means [B, L], all of one stride;
// status [B]. Returns 0, or 1 without memory. Targets lie in [0, V) and are not the blank: the caller checks.
extern "C" int ssr_ctc_forced_align(const float* log_probs, int64_t items, int64_t item_stride, int64_t frame_stride,
                                    const int64_t* targets, int64_t target_stride, const int64_t* input_lengths,
                                    const int64_t* target_lengths, int64_t blank, int64_t* starts, int64_t* ends,
                                    float* means, uint8_t* status) {
  try {
    for (int64_t i = 0; i < items; ++i) {
      const int64_t* ids = targets + i * target_stride;
      const int64_t L = target_lengths[i];
      Labels text{std::vector<int32_t>(ids, ids + L), std::vector<float>(L, 0.0f)};
      for (int64_t j = 1; j < L; ++j) {
        if (ids[j] == ids[j - 1]) text.skip[j] = kNever;
      }
      status[i] = align(log_probs + i * item_stride, frame_stride, input_lengths[i], L, blank, text,
                        starts + i * target_stride, ends + i * target_stride, means + i * target_stride);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
