// What the kernels share. Those of forced paths: scores are updated in place, sixteen at a time. The score to the left of each comes from
// registers: a load that straddles two fresh stores would wait for both to reach the cache, which is what bounds the
// obvious loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
// One build runs on every x86-64 processor and uses the widest vectors that it has.
#define SSR_WIDEST_VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SSR_WIDEST_VECTORS
#endif
#define SSR_INLINE inline __attribute__((always_inline))

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed between inlined functions alone

namespace ssr {

constexpr int64_t kLanes = 16;
typedef float Lanes __attribute__((vector_size(64), may_alias));
typedef int32_t IntLanes __attribute__((vector_size(64), may_alias));
typedef uint32_t Words __attribute__((vector_size(64), may_alias));

constexpr int64_t kRebaseFrames = 256;
constexpr float kNever = -std::numeric_limits<float>::infinity();

enum Status : uint8_t { kAligned = 0, kInfeasible = 1, kNotANumber = 2 };

SSR_INLINE Lanes same(float value) { return Lanes{} + value; }

// The scores one to the left of `here`, the last of `left` in front.
SSR_INLINE Lanes shifted(Lanes left, Lanes here) {
  return __builtin_shufflevector(left, here, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

// `b` where it is not a number, as no comparison with it holds.
SSR_INLINE Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

// Chunks of scores, all `never` at first, aligned for the widest loads. (std::vector drops the alignment of vectors.)
class Scores {
 public:
  explicit Scores(int64_t chunks)
      : memory_(static_cast<Lanes*>(::operator new(chunks * sizeof(Lanes), std::align_val_t(sizeof(Lanes))))) {
    std::fill_n(memory_.get(), chunks, same(kNever));
  }
  Lanes* at(int64_t chunk) const { return memory_.get() + chunk; }

 private:
  struct Release {
    void operator()(Lanes* memory) const { ::operator delete(memory, std::align_val_t(sizeof(Lanes))); }
  };
  std::unique_ptr<Lanes, Release> memory_;
};

inline float* floats(Lanes* lanes) { return reinterpret_cast<float*>(lanes); }
inline Words* words(Lanes* lanes) { return reinterpret_cast<Words*>(lanes); }

inline int64_t chunks_of(int64_t n) { return (n + kLanes - 1) / kLanes; }

inline float highest(const float* scores, int64_t n) {
  Lanes best = same(kNever);
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes some;
    std::memcpy(&some, scores + j, sizeof some);
    best = larger(some, best);
  }
  float found = kNever;
  for (int64_t k = 0; k < kLanes; ++k) found = best[k] > found ? best[k] : found;
  for (; j < n; ++j) found = scores[j] > found ? scores[j] : found;
  return found;
}

// Or plus infinity: paths through it cannot be told from one another.
inline bool not_a_number(const float* scores, int64_t n) {
  return !std::all_of(scores, scores + n, [](float score) { return score < std::numeric_limits<float>::infinity(); });
}

// Takes the best score off all: over an hour of frames they would else grow until float32 tells them apart no longer.
inline void rebase(float* scores, int64_t n, float best) {
  if (best > kNever) {
    for (int64_t j = 0; j < n; ++j) scores[j] -= best;
  }
}

}  // namespace ssr
