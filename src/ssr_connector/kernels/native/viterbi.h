// What both kernels share: scores roll from frame to frame and are kept only every `interval` frames. A path moves on
// by at most one label a frame, so that the way back is found block by block, each computed once more from its
// checkpoint over no more than `interval` labels. The optimum is the same as with all scores in memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <numeric>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
// One build runs on every x86-64 processor and uses the widest vectors that it has.
#define SSR_WIDEST_VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SSR_WIDEST_VECTORS
#endif

namespace ssr {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr int64_t kSmallestInterval = 32;
constexpr int64_t kSmallWorkspaceFloats = 1 << 19;  // 2 MiB of checkpoints: not worth a longer interval

enum Status : uint8_t { kAligned = 0, kInfeasible = 1, kNotANumber = 2 };

// Frames between checkpoints of `width` floats: few where memory allows, else what makes checkpoints and one block of
// at most `interval` x `interval` x `arrays` floats smallest together.
inline int64_t checkpoint_interval(int64_t frames, int64_t width, int64_t arrays) {
  if (frames / kSmallestInterval * width <= kSmallWorkspaceFloats) return kSmallestInterval;
  const double best = std::cbrt(0.5 * static_cast<double>(frames) * static_cast<double>(width) / arrays);
  return std::max<int64_t>(kSmallestInterval, static_cast<int64_t>(best));
}

inline float larger(float a, float b) { return a > b ? a : b; }

inline float highest(const float* scores, int64_t n) {
  return std::accumulate(scores, scores + n, kNever, larger);
}

// Takes the best score off all: over an hour of frames they would else grow until float32 tells them apart no longer.
inline void rebase(float* scores, int64_t n, float best) {
  if (best > kNever) {
    for (int64_t j = 0; j < n; ++j) scores[j] -= best;
  }
}

}  // namespace ssr
