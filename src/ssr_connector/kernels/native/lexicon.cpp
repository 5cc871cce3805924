// The most probable CTC path that spells pieces of a lexicon one after the other, each at a cost (Hori & Nakamura 2013,
// "Speech recognition algorithms using weighted finite-state transducers", without a history beyond the piece).
//
// The lexicon is a trie, its nodes breadth-first, so that the children of each lie side by side. Two scores a node: its
// label is heard, or the blank after it. Both are kept relative to the best of the frame, and only where they are within
// the beam of it: a few hundred nodes of tens of thousands. A piece costs nothing before it ends, so that in the last frame
// paths within a piece may be the only ones left: then all is searched again through a wider beam. A path's history is the piece that ended last: three records a
// frame are enough, for the best end in a blank, the best in a label, and the best in another label than that.
#include <vector>

#include "viterbi.h"

namespace {

using namespace ssr;

struct Lexicon {
  const int32_t *labels, *children;  // those of node n: [children[n], children[n + 1]); the first ones: [0, children[0])
  const float* weights;              // of the piece that ends here; minus infinity: none
  int64_t nodes;
};

// A score, and the record of the piece before.
struct Path {
  float score = kNever;
  int32_t before = -1;
  bool offer(float other, int32_t its) {
    if (!(other > score)) return false;
    score = other;
    before = its;
    return true;
  }
};

struct Node {
  Path label, blank;
};

struct Record {
  int32_t node, before;
};

class Search {
 public:
  Search(const Lexicon& lexicon, float beam)
      : lexicon_(lexicon), narrowest_(beam), now_(lexicon.nodes), next_(lexicon.nodes), seen_(lexicon.nodes, -1) {}

  // Fills `found` [≤ T] with the nodes where the pieces end.
  Status run(const float* log_probs, int64_t stride, int64_t T, int64_t vocabulary, int64_t blank, int64_t* found,
             int64_t* n_found) {
    for (beam_ = narrowest_;; beam_ *= 2) {
      const Status status = search(log_probs, stride, T, vocabulary, blank);
      if (status == kInfeasible && beam_ < kWidest) continue;
      *n_found = 0;
      for (int32_t r = status == kAligned ? end_.before : -1; r >= 0; r = records_[r].before) {
        found[(*n_found)++] = records_[r].node;
      }
      std::reverse(found, found + *n_found);
      return status;
    }
  }

 private:
  Status search(const float* log_probs, int64_t stride, int64_t T, int64_t vocabulary, int64_t blank) {
    active_.clear();
    records_.clear();
    std::fill(seen_.begin(), seen_.end(), -1);
    silence_ = 0.0f;
    in_blank_ = in_label_ = in_other_ = Path{};
    for (int64_t t = 0; t < T; ++t) {
      const float* row = log_probs + t * stride;
      if (not_a_number(row, vocabulary)) return kNotANumber;
      advance(row, row[blank], t);
      if (!keep_best()) return kInfeasible;
      end_pieces();
    }
    end_ = {silence_, -1};
    end_.offer(in_blank_.score, in_blank_.before);
    end_.offer(in_label_.score, in_label_.before);
    return end_.score < -beam_ ? kInfeasible : kAligned;
  }

  Node& reached(int32_t n, int64_t t) {
    if (seen_[n] != t) {
      seen_[n] = t;
      next_[n] = Node{};
      touched_.push_back(n);
    }
    return next_[n];
  }

  void enter(int32_t n, Path from, const float* row, int64_t t) {
    const float score = from.score + row[lexicon_.labels[n]];
    if (!(score >= best_ - beam_)) return;
    best_ = std::max(best_, score);
    reached(n, t).label.offer(score, from.before);
  }

  void advance(const float* row, float blank, int64_t t) {
    touched_.clear();
    Path outside{silence_, -1};  // of all pieces, not in a label
    outside.offer(in_blank_.score, in_blank_.before);
    best_ = silence_ += blank;
    for (const int32_t n : active_) {
      const Node node = now_[n];
      const int32_t label = lexicon_.labels[n];
      Path any = node.label;
      any.offer(node.blank.score, node.blank.before);
      Node& stays = reached(n, t);
      stays.blank.offer(any.score + blank, any.before);
      stays.label.offer(node.label.score + row[label], node.label.before);
      best_ = std::max(best_, std::max(stays.label.score, stays.blank.score));
      for (int32_t k = lexicon_.children[n]; k < lexicon_.children[n + 1]; ++k) {
        enter(k, lexicon_.labels[k] == label ? node.blank : any, row, t);
      }
    }
    for (int32_t k = 0; k < lexicon_.children[0]; ++k) {
      Path from = outside;
      const Path& heard = lexicon_.labels[k] == last_label_ ? in_other_ : in_label_;
      from.offer(heard.score, heard.before);
      enter(k, from, row, t);
    }
  }

  // Takes the best score off all and lets go of what is beyond the beam.
  bool keep_best() {
    if (!(best_ > kNever)) return false;
    silence_ -= best_;
    active_.clear();
    for (const int32_t n : touched_) {
      Node node = next_[n];
      node.label.score -= best_;
      node.blank.score -= best_;
      if (std::max(node.label.score, node.blank.score) < -beam_) continue;
      active_.push_back(n);
      now_[n] = node;
    }
    return true;
  }

  void end_pieces() {
    Path blank, label, other;  // `before` is the node here
    for (const int32_t n : active_) {
      const float weight = lexicon_.weights[n];
      if (weight == kNever) continue;
      blank.offer(now_[n].blank.score + weight, n);
      const float score = now_[n].label.score + weight;
      const Path best = label;
      const bool same_label = best.before >= 0 && lexicon_.labels[best.before] == lexicon_.labels[n];
      if (label.offer(score, n)) {
        if (!same_label) other = best;
      } else if (!same_label) {
        other.offer(score, n);
      }
    }
    last_label_ = label.before < 0 ? -1 : lexicon_.labels[label.before];
    in_blank_ = recorded(blank, &Node::blank);
    in_label_ = recorded(label, &Node::label);
    in_other_ = recorded(other, &Node::label);
  }

  Path recorded(Path end, Path Node::*part) {
    if (end.before < 0) return end;
    records_.push_back({end.before, (now_[end.before].*part).before});
    return {end.score, static_cast<int32_t>(records_.size() - 1)};
  }

  static constexpr float kWidest = 1e6f;  // nats: nothing is left out

  const Lexicon& lexicon_;
  const float narrowest_;
  float beam_ = 0.0f;
  float best_ = 0.0f;  // score of the frame
  std::vector<Node> now_, next_;
  std::vector<int64_t> seen_;  // the frame that reached a node last
  std::vector<int32_t> active_, touched_;
  std::vector<Record> records_;
  float silence_ = 0.0f;  // nothing has been said yet
  Path end_;                             // of the whole
  Path in_blank_, in_label_, in_other_;  // the best ends of pieces; the last one in a label other than the second's
  int32_t last_label_ = -1;
};

}  // namespace

// log_probs [B, T, V] with strides in floats; found [B, T], the nodes where pieces end; found_lengths, status [B].
// Returns 0, or 1 without memory. Labels lie in [0, V) and are not the blank: the caller checks.
extern "C" int ssr_ctc_lexicon_path(const float* log_probs, int64_t items, int64_t item_stride, int64_t frame_stride,
                                    int64_t vocabulary, const int64_t* lengths, int64_t blank, const int32_t* labels,
                                    const int32_t* children, const float* weights, int64_t nodes, int64_t beam,
                                    int64_t* found, int64_t found_stride, int64_t* found_lengths, uint8_t* status) {
  try {
    const Lexicon lexicon{labels, children, weights, nodes};
    Search search(lexicon, static_cast<float>(beam));
    for (int64_t i = 0; i < items; ++i) {
      status[i] = search.run(log_probs + i * item_stride, frame_stride, lengths[i], vocabulary, blank,
                             found + i * found_stride, found_lengths + i);
    }
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}
