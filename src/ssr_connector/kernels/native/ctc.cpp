// CTC forced alignment: the most probable path that spells given labels (Graves et al. 2006), exactly.
//
// States are kept in two arrays, blanks[j] before label j (j = L: after the last) and labels[j]. A frame's emissions of
// the labels are fetched first, so that the rest is arithmetic on neighbours.
//
// The way back is kept as a byte a label where that is little. Else scores are kept every `interval` frames alone: a path
// moves on by at most one label a frame, so that the way back is found block by block, each computed once more from its
// checkpoint over no more than `interval` labels. The optimum is the same as with all scores in memory.
#include <cmath>
#include <vector>

#include "viterbi.h"

namespace {

using namespace ssr;

typedef int8_t Marks __attribute__((vector_size(16), may_alias));

constexpr int64_t kSmallVocabulary = 2 * kLanes;  // fits into two registers
constexpr int64_t kMostMarks = 3 << 20;  // bytes of back-pointers; where they are more, scores are computed again
constexpr int64_t kSmallestInterval = 2 * kLanes - 1;  // so that a block's labels fill two chunks
constexpr int64_t kSmallWorkspaceFloats = 1 << 19;  // 2 MiB of checkpoints: not worth a longer interval

// Frames between checkpoints of `width` floats: few where memory allows, else what makes checkpoints and one block of
// twice `interval` x `interval` floats smallest together.
int64_t checkpoint_interval(int64_t frames, int64_t width) {
  if (frames / kSmallestInterval * width <= kSmallWorkspaceFloats) return kSmallestInterval;
  const double best = std::cbrt(0.25 * static_cast<double>(frames) * static_cast<double>(width));
  return std::max<int64_t>(kSmallestInterval, static_cast<int64_t>(best));
}

// The labels of one item, padded to whole chunks with the blank, which moves no score to the left.
struct Text {
  std::vector<int32_t> ids;
  std::vector<float> skip;  // 0 where a label may follow the one before it without a blank, else minus infinity
};

// Emissions of ids in [0, 16 * chunks) from a row of any vocabulary.
SSR_WIDEST_VECTORS void gather(const float* row, const int32_t* ids, int64_t chunks, float* out) {
  for (int64_t j = 0; j < chunks * kLanes; ++j) out[j] = row[ids[j]];
}

#if defined(__GNUC__) && !defined(__clang__)
// The same from a row of at most 32 labels, looked up in registers. They are loaded whole where so much can be read, be it
// of the next row: what a copy of any other length writes must reach the cache before it is loaded.
SSR_WIDEST_VECTORS void look_up(const float* row, int64_t readable, const int32_t* ids, int64_t chunks, Lanes* out) {
  Lanes table[2];
  if (readable >= kSmallVocabulary) {
    std::memcpy(table, row, sizeof table);
  } else {
    std::memcpy(table, row, readable * sizeof(float));
  }
  for (int64_t c = 0; c < chunks; ++c) {
    IntLanes index;
    std::memcpy(&index, ids + c * kLanes, sizeof index);
    out[c] = __builtin_shuffle(table[0], table[1], index);
  }
}
#else
void look_up(const float* row, int64_t, const int32_t* ids, int64_t chunks, Lanes* out) {
  gather(row, ids, chunks, floats(out));
}
#endif

// Scores of the states of some chunks of labels; the chunk in front of the first label is read.
struct States {
  Lanes *blanks, *labels;
};

// One frame over chunks [0, chunks), from `before` to `after`, which may be the same. What is not a number stays so.
SSR_WIDEST_VECTORS void advance(States before, States after, const Lanes* emissions, float blank_emission,
                                const float* skip, int64_t chunks) {
  Lanes left = before.labels[-1];
  for (int64_t c = 0; c < chunks; ++c) {
    const Lanes blank = before.blanks[c], label = before.labels[c], previous = shifted(left, label);
    Lanes skips;
    std::memcpy(&skips, skip + c * kLanes, sizeof skips);
    after.blanks[c] = larger(previous, blank) + blank_emission;
    after.labels[c] = larger(previous + skips, larger(blank, label)) + emissions[c];
    left = label;
  }
}

// The same in place, and for every label how the best paths come to it and to the blank before it.
constexpr int32_t kLeftLabel = 1, kSkipped = 2, kEntered = 4;
SSR_WIDEST_VECTORS void advance_marked(States scores, const Lanes* emissions, float blank_emission, const float* skip,
                                       int64_t chunks, Marks* marks) {
  Lanes left = scores.labels[-1];
  for (int64_t c = 0; c < chunks; ++c) {
    const Lanes blank = scores.blanks[c], label = scores.labels[c], previous = shifted(left, label);
    Lanes skips;
    std::memcpy(&skips, skip + c * kLanes, sizeof skips);
    const Lanes skipping = previous + skips, near = larger(blank, label);
    const IntLanes mark =
        ((previous > blank) & kLeftLabel) | ((skipping > near) & kSkipped) | ((blank > label) & kEntered);
    marks[c] = __builtin_convertvector(mark, Marks);
    scores.blanks[c] = larger(previous, blank) + blank_emission;
    scores.labels[c] = larger(skipping, near) + emissions[c];
    left = label;
  }
}

// The log-probabilities of one item [T, V], and room for a frame's emissions of its labels.
struct Emissions {
  const float* log_probs;
  const float* end;  // of what may be read
  int64_t stride, vocabulary, blank;
  const Text& text;
  const Scores fetched;

  // Emissions of the chunks that begin at label `left`.
  const Lanes* fetch(const float* row, int64_t left, int64_t chunks) const {
    const int32_t* ids = text.ids.data() + left;
    if (vocabulary <= kSmallVocabulary) {
      look_up(row, end - row, ids, chunks, fetched.at(0));
    } else {
      gather(row, ids, chunks, floats(fetched.at(0)));
    }
    return fetched.at(0);
  }
  // Advances those chunks.
  void step(int64_t t, int64_t left, int64_t chunks, States before, States after) const {
    const float* row = log_probs + t * stride;
    advance(before, after, fetch(row, left, chunks), row[blank], text.skip.data() + left, chunks);
  }
  void step_marked(int64_t t, int64_t left, int64_t chunks, States scores, Marks* marks) const {
    const float* row = log_probs + t * stride;
    advance_marked(scores, fetch(row, left, chunks), row[blank], text.skip.data() + left, chunks, marks);
  }
};

Status align(const Emissions& emissions, int64_t T, int64_t L, int64_t* starts, int64_t* ends, float* means) {
  std::fill(starts, starts + L, 0);
  std::fill(ends, ends + L, 0);
  std::fill(means, means + L, 0.0f);
  if (T == 0) return L == 0 ? kAligned : kInfeasible;
  if (T < L) return kInfeasible;
  const Text& text = emissions.text;
  const int64_t chunks = chunks_of(L + 1), row = 2 * chunks + 1;  // blanks, a chunk that is never reached, labels
  const int64_t K = checkpoint_interval(T, row * kLanes), blocks = (T + K - 1) / K;
  // States that the frame can have reached, and that can still reach the end.
  const auto lowest = [&](int64_t t) { return std::max<int64_t>(0, L - T + t); };
  const auto lowest_blank = [&](int64_t t) { return std::max<int64_t>(0, L - T + t + 1); };

  const bool marked = T * chunks * kLanes <= kMostMarks;
  const std::unique_ptr<Marks[]> marks(marked ? new Marks[T * chunks] : nullptr);
  const Scores rolling(row), checkpoints(marked ? 0 : blocks * row);
  Lanes *blank_chunks = rolling.at(0), *label_chunks = rolling.at(chunks + 1);
  float *blanks = floats(blank_chunks), *labels = floats(label_chunks);
  blanks[0] = 0.0f;  // before the first frame: in front of everything
  for (int64_t t = 0; t < T; ++t) {
    if (t % (marked ? kRebaseFrames : K) == 0) {
      if (t > 0) {
        float *some_blanks = blanks + lowest_blank(t - 1), *some_labels = labels + lowest(t - 1);
        const int64_t n = std::min(L, t - 1) + 1 - lowest_blank(t - 1), m = std::min(L - 1, t - 1) + 1 - lowest(t - 1);
        const float best = std::max(highest(some_blanks, n), highest(some_labels, m));
        rebase(some_blanks, n, best);
        rebase(some_labels, m, best);
      }
      if (!marked) std::copy_n(rolling.at(0), row, checkpoints.at(t / K * row));
    }
    const int64_t first = lowest(t) / kLanes, n = std::min(L, t) / kLanes - first + 1;
    const States states{blank_chunks + first, label_chunks + first};
    if (marked) {
      emissions.step_marked(t, first * kLanes, n, states, &marks[t * chunks + first]);
    } else {
      emissions.step(t, first * kLanes, n, states, states);
    }
  }
  if (not_a_number(blanks, L + 1) || not_a_number(labels, L)) return kNotANumber;
  const float in_blank = blanks[L], in_label = labels[L - 1];  // labels[-1]: never
  if (!(std::max(in_blank, in_label) > kNever)) return kInfeasible;

  std::vector<double> sums(L, 0.0);
  const auto emit = [&](int64_t t, int64_t j) {
    starts[j] = t;
    if (ends[j] == 0) ends[j] = t + 1;
    sums[j] += emissions.log_probs[t * emissions.stride + text.ids[j]];
  };
  const auto finish = [&] {
    for (int64_t j = 0; j < L; ++j) means[j] = static_cast<float>(sums[j] / (ends[j] - starts[j]));
    return kAligned;
  };
  if (marked) {
    bool silent = in_blank > in_label;
    for (int64_t t = T - 1, label = silent ? L : L - 1; t >= 0; --t) {
      if (!silent) emit(t, label);
      const int8_t mark = reinterpret_cast<const int8_t*>(&marks[t * chunks])[label];
      if (silent ? mark & kLeftLabel : mark & kSkipped) {
        silent = false;
        --label;
      } else if (!silent && (mark & kEntered)) {
        silent = true;
      }
    }
    return finish();
  }

  // Back, block by block: two rows of scores a frame, of the labels from `left` to the one that the block ends in.
  bool silent = in_blank > in_label;
  int64_t label = silent ? L : L - 1;  // the blank before it, where silent
  const int64_t span = chunks_of(K + 1), block_row = 2 * span + 1;
  const Scores block((K + 1) * block_row);
  for (int64_t b = blocks - 1; b >= 0; --b) {
    const int64_t first = b * K, last = std::min(T, first + K) - 1;
    const int64_t left = std::max<int64_t>(0, label - K), n = label - left + 1;
    const auto states = [&](int64_t t) {
      Lanes* blanks_of_t = block.at((t - first + 1) * block_row);
      return States{blanks_of_t, blanks_of_t + span + 1};
    };
    std::fill_n(block.at(0), block_row, same(kNever));
    const float* saved = floats(checkpoints.at(b * row));
    std::copy_n(saved + left, n, floats(states(first - 1).blanks));
    std::copy_n(saved + (chunks + 1) * kLanes + left, n, floats(states(first - 1).labels));
    for (int64_t t = first; t < last; ++t) {  // the scores of the last frame decide nothing
      emissions.step(t, left, chunks_of(n), states(t - 1), states(t));
    }
    for (int64_t t = last; t >= first; --t) {
      const States before = states(t - 1);
      const float *blanks_before = floats(before.blanks) - left, *labels_before = floats(before.labels) - left;
      if (silent) {
        if (labels_before[label - 1] > blanks_before[label]) {
          silent = false;
          --label;
        }
        continue;
      }
      emit(t, label);
      const float stay = labels_before[label], enter = blanks_before[label];
      if (labels_before[label - 1] + text.skip[label] > std::max(stay, enter)) {
        --label;
      } else if (enter > stay) {
        silent = true;
      }
    }
  }
  return finish();
}

}  // namespace

// log_probs [B, T, V] with strides in floats; targets, starts, ends [B, L] int64, means [B, L], all of one stride;
// status [B]. Returns 0, or 1 without memory. Targets lie in [0, V) and are not the blank: the caller checks.
extern "C" int ssr_ctc_forced_align(const float* log_probs, int64_t items, int64_t item_stride, int64_t frame_stride,
                                    int64_t vocabulary, const int64_t* targets, int64_t target_stride,
                                    const int64_t* input_lengths, const int64_t* target_lengths, int64_t blank,
                                    int64_t* starts, int64_t* ends, float* means, uint8_t* status) {
  try {
    for (int64_t i = 0; i < items; ++i) {
      const int64_t* ids = targets + i * target_stride;
      const int64_t L = target_lengths[i], padded = (chunks_of(L + 1) + 1) * kLanes;
      Text text{std::vector<int32_t>(padded, static_cast<int32_t>(blank)), std::vector<float>(padded, 0.0f)};
      std::copy_n(ids, L, text.ids.begin());
      for (int64_t j = 1; j < L; ++j) {
        if (ids[j] == ids[j - 1]) text.skip[j] = kNever;
      }
      const int64_t T = input_lengths[i];
      const float* item = log_probs + i * item_stride;
      const Emissions emissions{item,       item + std::max<int64_t>(0, T - 1) * frame_stride + vocabulary,
                                frame_stride, vocabulary, blank, text, Scores(padded / kLanes)};
      status[i] = align(emissions, T, L, starts + i * target_stride, ends + i * target_stride,
                        means + i * target_stride);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
