// Pairs for LAMMPS in vector instructions and double precision, loaded as a plugin. Two pair styles:
// lj/cut/clusters is lj/cut with `pair_modify shift yes`,
//
//   u(r) = 4 epsilon [(sigma/r)^12 - (sigma/r)^6] - u_LJ(r_cut) for r < r_cut, else 0,
//
// and soft/clusters is soft, whose height a `fix adapt` may ramp,
//
//   u(r) = a [1 + cos(pi r / r_cut)] for r < r_cut, else 0.
//
// Beads lie in clusters of four neighbours in space. A bead meets a whole cluster at a time, with a
// mask of those that count, so that nothing has to be collected from all over memory. The lists of
// clusters are made here, whenever LAMMPS has moved beads between cells; LAMMPS makes none. The idea
// is that of Pall and Hess, Comput. Phys. Commun. 184, 2641 (2013).
//
// Lists reach farther than the cut-off by LAMMPS' skin and last for many steps. In between, what is
// near is taken out of them: pairs within the cut-off and NEAR_SKIN, which hold until a bead has
// moved by half of that. Only these are met at every step.
//
// Each pair is met once. Of the images of a pair across the boundary, the one whose second bead is
// shifted in the positive direction is taken (first x, then y, then z).
//
// What it cannot do it refuses: other than two types and one process, more than two bonds to a bead,
// other exclusions than bonded neighbours, a box that is not orthogonal, energies per bead.

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"
#include "pair.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#ifdef __AVX__
#include <immintrin.h>
#endif

using namespace LAMMPS_NS;

namespace {

constexpr int W = 4;
typedef double Lanes __attribute__((vector_size(W * sizeof(double))));
typedef long long Mask __attribute__((vector_size(W * sizeof(long long))));

// where no bead is: fills clusters up
constexpr double NOWHERE = 1.0e15;
constexpr double FAR = 1.0e30;
// of what is near [sigma]: wider ones hold longer, and have more in them
constexpr double NEAR_SKIN = 0.2;

struct Cluster {
  Lanes x, y, z;
};

// every mask of W bits, as lanes
struct Masks {
  Mask of[1 << W];
  Masks()
  {
    for (int bits = 0; bits < (1 << W); bits++)
      for (int l = 0; l < W; l++) of[bits][l] = (bits >> l & 1) ? -1 : 0;
  }
};
const Masks MASKS;

inline Lanes all(double value)
{
  Lanes lanes;
  for (int l = 0; l < W; l++) lanes[l] = value;
  return lanes;
}

inline double sum(Lanes lanes)
{
  double s = 0;
  for (int l = 0; l < W; l++) s += lanes[l];
  return s;
}

inline int bits(Mask mask)
{
#ifdef __AVX__
  if (W == 4) return __builtin_ia32_movmskpd256((__v4df) mask);
#endif
  int b = 0;
  for (int l = 0; l < W; l++) b |= mask[l] ? 1 << l : 0;
  return b;
}

// A law has, of squared distances, force(r2) = -u'(r)/r and energy(r2), where r < r_cut.

struct LennardJones {
  Lanes force12, force6, energy12, energy6, shift;

  Lanes force(Lanes r2) const
  {
    const Lanes inverse = all(1.0) / r2, six = inverse * inverse * inverse;
    return six * (force12 * six - force6) * inverse;
  }

  Lanes energy(Lanes r2) const
  {
    const Lanes inverse = all(1.0) / r2, six = inverse * inverse * inverse;
    return six * (energy12 * six - energy6) - shift;
  }
};

// With x = (pi r / r_cut)^2, cos sqrt(x) and sin sqrt(x) / sqrt(x) are power series in x: no root and no sine is
// needed. Their terms up to x^12 leave 1e-12 at x = pi^2.
struct Cosine {
  Lanes height, scale;    // scale = (pi / r_cut)^2

  Lanes force(Lanes r2) const { return height * scale * series<1>(scale * r2); }

  Lanes energy(Lanes r2) const { return height * (all(1.0) + series<0>(scale * r2)); }

 private:
  static constexpr int TERMS = 13;

  static constexpr double coefficient(int n, int odd)
  {
    double c = 1;
    for (int k = 1; k <= n; k++) c /= -(2.0 * k + odd) * (2.0 * k + odd - 1);
    return c;
  }

  // sum over n of (-x)^n / (2n + ODD)!
  template <int ODD, int N = 0> static Lanes series(Lanes x)
  {
    constexpr double c = coefficient(N, ODD);
    if constexpr (N + 1 < TERMS)
      return all(c) + x * series<ODD, N + 1>(x);
    else
      return all(c);
  }
};

// Beads of a kind in clusters: columns along z, sorted by z, cut into fours.
class Clusters {
 public:
  std::vector<Cluster> at, force;
  std::vector<Mask> tags;
  std::vector<int> bead;    // of each lane: index in LAMMPS' arrays, or -1

  int lanes() const { return (int) bead.size(); }

  void sort(const std::vector<int> &beads, double **x, const tagint *tag, double width)
  {
    double hi[2];
    edge = width;
    for (int d = 0; d < 2; d++) {
      lo[d] = FAR;
      hi[d] = -FAR;
      for (int i : beads) {
        lo[d] = std::min(lo[d], x[i][d]);
        hi[d] = std::max(hi[d], x[i][d]);
      }
      // few beads in a wide box need no more columns than that
      edge = std::max(edge, (hi[d] - lo[d]) / 256);
    }
    for (int d = 0; d < 2; d++) n[d] = beads.empty() ? 0 : (int) ((hi[d] - lo[d]) / edge) + 1;
    const int columns = n[0] * n[1];
    in.resize(columns);
    for (auto &column : in) column.clear();
    for (int i : beads) {
      const int cx = std::min(n[0] - 1, (int) ((x[i][0] - lo[0]) / edge));
      const int cy = std::min(n[1] - 1, (int) ((x[i][1] - lo[1]) / edge));
      in[cy * n[0] + cx].emplace_back(x[i][2], i);
    }
    bead.clear();
    first.assign(1, 0);
    for (auto &column : in) {
      std::sort(column.begin(), column.end());
      for (auto &entry : column) bead.push_back(entry.second);
      while (bead.size() % W) bead.push_back(-1);
      first.push_back((int) bead.size() / W);
    }
    at.resize(bead.size() / W);
    tags.resize(at.size());
    for (int k = 0; k < lanes(); k++) tags[k / W][k % W] = bead[k] < 0 ? 0 : tag[bead[k]];
    force.resize(at.size());
    for (auto &cluster : at) cluster = {all(NOWHERE), all(NOWHERE), all(NOWHERE)};
    take(x);
    bottom.resize(at.size());
    top.resize(at.size());
    for (size_t c = 0; c < at.size(); c++) {
      bottom[c] = at[c].z[0];
      top[c] = bottom[c];
      for (int l = 0; l < W && bead[c * W + l] >= 0; l++) top[c] = at[c].z[l];
    }
  }

  void take(double **x)
  {
    for (int k = 0; k < lanes(); k++) {
      if (bead[k] < 0) continue;
      const double *p = x[bead[k]];
      Cluster &c = at[k / W];
      c.x[k % W] = p[0];
      c.y[k % W] = p[1];
      c.z[k % W] = p[2];
    }
  }

  void clear()
  {
    for (auto &c : force) c = {all(0), all(0), all(0)};
  }

  void remember() { before = at; }

  // the longest way of a bead since remember(), squared
  double moved() const
  {
    Lanes most = all(0);
    for (size_t c = 0; c < at.size(); c++) {
      const Lanes dx = at[c].x - before[c].x, dy = at[c].y - before[c].y, dz = at[c].z - before[c].z;
      const Lanes way = dx * dx + dy * dy + dz * dz;
      most = way > most ? way : most;
    }
    double longest = 0;
    for (int l = 0; l < W; l++) longest = std::max(longest, most[l]);
    return longest;
  }

  void give(double **f) const
  {
    for (int k = 0; k < lanes(); k++) {
      if (bead[k] < 0) continue;
      double *p = f[bead[k]];
      const Cluster &c = force[k / W];
      p[0] += c.x[k % W];
      p[1] += c.y[k % W];
      p[2] += c.z[k % W];
    }
  }

  // calls found(cluster) for those from `start` on whose columns and heights come within reach of a box
  template <class Found>
  void around(const double *low, const double *high, double reach, int start, const Found &found) const
  {
    if (at.empty()) return;
    const int left = std::max(0, (int) std::floor((low[0] - reach - lo[0]) / edge));
    const int right = std::min(n[0] - 1, (int) std::floor((high[0] + reach - lo[0]) / edge));
    const int front = std::max(0, (int) std::floor((low[1] - reach - lo[1]) / edge));
    const int back = std::min(n[1] - 1, (int) std::floor((high[1] + reach - lo[1]) / edge));
    for (int cy = front; cy <= back; cy++)
      for (int cx = left; cx <= right; cx++) {
        const int column = cy * n[0] + cx, end = first[column + 1];
        int c = std::max(start, first[column]);
        if (c >= end) continue;
        const double x0 = lo[0] + cx * edge, y0 = lo[1] + cy * edge;
        const double gx = std::max(0.0, std::max(x0 - high[0], low[0] - x0 - edge));
        const double gy = std::max(0.0, std::max(y0 - high[1], low[1] - y0 - edge));
        const double left_over = reach * reach - gx * gx - gy * gy;
        if (left_over < 0) continue;
        const double height = std::sqrt(left_over);
        while (c < end && top[c] < low[2] - height) c++;
        for (; c < end && bottom[c] <= high[2] + height; c++) found(c);
      }
  }

 private:
  double lo[2] = {0, 0}, edge = 1;
  int n[2] = {0, 0};
  std::vector<Cluster> before;
  std::vector<int> first;    // cluster of each column
  std::vector<double> bottom, top;
  std::vector<std::vector<std::pair<double, int>>> in;
};

// Which clusters each bead of one kind meets.
struct Meetings {
  struct Entry {
    int cluster, mask;
  };
  // the entries of the bead in lane[r] are those from begin[r] to begin[r + 1]
  struct Rows {
    std::vector<int> begin;
    std::vector<Entry> entries;
  };
  Clusters *ours, *theirs;
  int first, second;    // types of the beads, from 0, in rising order
  std::vector<int> lane;
  Rows listed, near;

  Meetings(Clusters &a, Clusters &b, int i, int j) : ours(&a), theirs(&b), first(i), second(j) {}

  void clear()
  {
    lane.clear();
    listed.entries.clear();
    listed.begin.assign(1, 0);
  }

  void add(int k, const Entry *row, int count)
  {
    if (count == 0) return;
    lane.push_back(k);
    listed.entries.insert(listed.entries.end(), row, row + count);
    listed.begin.push_back((int) listed.entries.size());
  }

  // takes out of the lists what is near now
  void sift(double cut)
  {
    const double reach = cut + NEAR_SKIN;
    const Lanes reach2 = all(reach * reach);
    const Cluster *at = theirs->at.data();
    near.begin.resize(listed.begin.size());
    near.entries.resize(listed.entries.size());
    int count = 0;
    for (size_t r = 0; r < lane.size(); r++) {
      near.begin[r] = count;
      const int k = lane[r];
      const Cluster &own = ours->at[k / W];
      const Lanes px = all(own.x[k % W]), py = all(own.y[k % W]), pz = all(own.z[k % W]);
      for (int m = listed.begin[r]; m < listed.begin[r + 1]; m++) {
        const Entry &entry = listed.entries[m];
        const Cluster &other = at[entry.cluster];
        const Lanes dx = px - other.x, dy = py - other.y, dz = pz - other.z;
        const int within = entry.mask & bits((Mask) (dx * dx + dy * dy + dz * dz < reach2));
        near.entries[count] = {entry.cluster, within};
        count += within != 0;
      }
    }
    near.begin[lane.size()] = count;
  }

  template <bool ENERGY, class Law> double forces(const Law law, double cut) const
  {
    const Lanes cut2 = all(cut * cut);
    const Cluster *at = theirs->at.data();
    Cluster *force = theirs->force.data();
    Lanes energy = all(0);
    for (size_t r = 0; r < lane.size(); r++) {
      const int k = lane[r];
      const Cluster &own = ours->at[k / W];
      const Lanes px = all(own.x[k % W]), py = all(own.y[k % W]), pz = all(own.z[k % W]);
      Lanes sx = all(0), sy = all(0), sz = all(0);
      for (int m = near.begin[r]; m < near.begin[r + 1]; m++) {
        const int c = near.entries[m].cluster;
        const Lanes dx = px - at[c].x, dy = py - at[c].y, dz = pz - at[c].z;
        const Lanes r2 = dx * dx + dy * dy + dz * dz;
        const Mask counts = (Mask) (r2 < cut2) & MASKS.of[near.entries[m].mask];
        const Lanes f = (Lanes) ((Mask) law.force(r2) & counts);
        const Lanes fx = dx * f, fy = dy * f, fz = dz * f;
        sx += fx;
        sy += fy;
        sz += fz;
        force[c].x -= fx;
        force[c].y -= fy;
        force[c].z -= fz;
        if (ENERGY) energy += (Lanes) ((Mask) law.energy(r2) & counts);
      }
      Cluster &total = ours->force[k / W];
      total.x[k % W] += sum(sx);
      total.y[k % W] += sum(sy);
      total.z[k % W] += sum(sz);
    }
    return sum(energy);
  }
};

// What both pair styles share: clusters and their lists. `numbers` are those that a pair_coeff gives.
class PairClusters : public Pair {
 public:
  PairClusters(LAMMPS *lmp, const char *style, int numbers, const char *expected) :
      Pair(lmp), name(style), count(numbers), coefficients(expected)
  {
    // a restart file has to be readable without the plugin
    restartinfo = 0;
    single_enable = 0;
  }

  ~PairClusters() override
  {
    if (!allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }

  void settings(int narg, char **arg) override
  {
    // the largest cut-off, as LAMMPS' styles have it; each pair has its own
    if (narg != 1) refuse("one number in pair_style, the largest cut-off");
    utils::numeric(FLERR, arg[0], false, lmp);
  }

  void coeff(int narg, char **arg) override
  {
    if (atom->ntypes != 2) refuse("two types of beads");
    if (narg != 2 + count) refuse("two types, " + coefficients + " in pair_coeff");
    if (!allocated) {
      memory->create(setflag, 3, 3, "clusters:setflag");
      memory->create(cutsq, 3, 3, "clusters:cutsq");
      for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) setflag[i][j] = 0;
      allocated = 1;
    }
    int ilo, ihi, jlo, jhi;
    utils::bounds(FLERR, arg[0], 1, 2, ilo, ihi, error);
    utils::bounds(FLERR, arg[1], 1, 2, jlo, jhi, error);
    std::vector<double> values;
    for (int n = 0; n < count; n++) values.push_back(utils::numeric(FLERR, arg[2 + n], false, lmp));
    for (int i = ilo; i <= ihi; i++)
      for (int j = std::max(i, jlo); j <= jhi; j++) {
        cut[i - 1][j - 1] = values.back();
        set(i, j, values);
        setflag[i][j] = 1;
      }
  }

  void init_style() override
  {
    // no neighbour list is asked for
    if (domain->triclinic) refuse("an orthogonal box");
    if (comm->nprocs != 1) refuse("one process");
    if (!force->newton_pair) refuse("newton on");
    if (force->special_lj[1] != 0.0 || force->special_lj[2] != 1.0 || force->special_lj[3] != 1.0)
      refuse("special_bonds fene");
    fresh = false;
  }

  double init_one(int i, int j) override
  {
    if (!setflag[i][j]) refuse("pair_coeff for all pairs of types");
    return cut[i - 1][j - 1];
  }

 protected:
  double cut[2][2] = {{0, 0}, {0, 0}};

  // the numbers of a pair_coeff; the last is the cut-off
  virtual void set(int i, int j, const std::vector<double> &values) = 0;

  void refuse(const std::string &expected) { error->all(FLERR, std::string(name) + " expects " + expected); }

  // law(i, j) is that of two types, counted from 0
  template <class LawOf> void compute_by(const LawOf &law, int eflag, int vflag)
  {
    ev_init(eflag, vflag);
    if (eflag_atom || vflag_atom) refuse("no energy or stress of single beads to be asked for");
    bool stale = neighbor->ago == 0 || !fresh;
    if (stale) build();
    for (Clusters *kind : kinds) {
      kind->take(atom->x);
      kind->clear();
    }
    // beads that come together have moved by less than half the skin each
    for (const Clusters *kind : kinds) stale = stale || kind->moved() > 0.25 * NEAR_SKIN * NEAR_SKIN;
    if (stale) {
      for (Clusters *kind : kinds) kind->remember();
      for (Meetings *m : meetings) m->sift(cut[m->first][m->second]);
    }
    for (const Meetings *m : meetings) {
      const double reach = cut[m->first][m->second];
      if (eflag_global)
        eng_vdwl += m->template forces<true>(law(m->first, m->second), reach);
      else
        m->template forces<false>(law(m->first, m->second), reach);
    }
    for (const Clusters *kind : kinds) kind->give(atom->f);
    if (vflag_fdotr) virial_fdotr_compute();
  }

 private:
  const char *name;
  int count;
  std::string coefficients;
  // small beads are of type 1, large ones of type 2; images are those across the boundary
  Clusters small, small_image, large, large_image;
  Meetings ss{small, small, 0, 0}, ssi{small, small_image, 0, 0};
  Meetings ls{large, small, 0, 1}, lsi{large, small_image, 0, 1}, lis{large_image, small, 0, 1};
  Meetings ll{large, large, 1, 1}, lli{large, large_image, 1, 1};
  Clusters *const kinds[4] = {&small, &small_image, &large, &large_image};
  Meetings *const meetings[7] = {&ss, &ssi, &ls, &lsi, &lis, &ll, &lli};
  bool fresh = false;
  std::vector<int> group[4], owner;
  std::vector<Meetings::Entry> rows[W];

  void build()
  {
    double **x = atom->x;
    const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
    const tagint *tag = atom->tag;
    const double length[3] = {domain->xprd, domain->yprd, domain->zprd};

    for (auto &members : group) members.clear();
    tagint largest = 0;
    for (int i = 0; i < nlocal; i++) largest = std::max(largest, tag[i]);
    owner.resize(largest + 1);
    for (int i = 0; i < nlocal; i++) {
      owner[tag[i]] = i;
      group[atom->type[i] == 1 ? 0 : 2].push_back(i);
    }
    for (int i = nlocal; i < nall; i++) {
      const double *from = x[owner[tag[i]]];
      int sign = 0;
      for (int d = 0; d < 3 && !sign; d++) sign = (int) std::lround((x[i][d] - from[d]) / length[d]);
      if (sign > 0) group[atom->type[i] == 1 ? 1 : 3].push_back(i);
    }
    // columns as wide as a cluster of four in a melt
    small.sort(group[0], x, tag, 1.6);
    small_image.sort(group[1], x, tag, 1.6);
    large.sort(group[2], x, tag, 4.0);
    large_image.sort(group[3], x, tag, 4.0);

    for (Meetings *m : meetings) meet(*m);
    fresh = true;
  }

  void meet(Meetings &of)
  {
    const bool same = of.ours == of.theirs;
    const Clusters &ours = *of.ours, &theirs = *of.theirs;
    const double reach = cut[of.first][of.second] + neighbor->skin;
    const Lanes reach2 = all(reach * reach);
    for (auto &row : rows) row.resize(theirs.at.size());
    of.clear();
    for (int own = 0; own < (int) ours.at.size(); own++) {
      const Cluster &at = ours.at[own];
      Lanes px[W], py[W], pz[W];
      Mask partner[W][2];
      int found[W] = {}, beads = 0;
      double low[3] = {FAR, FAR, FAR}, high[3] = {-FAR, -FAR, -FAR};
      for (int l = 0; l < W; l++) {
        const int i = ours.bead[own * W + l];
        if (i < 0) break;
        beads++;
        const double p[3] = {at.x[l], at.y[l], at.z[l]};
        px[l] = all(p[0]);
        py[l] = all(p[1]);
        pz[l] = all(p[2]);
        for (int d = 0; d < 3; d++) {
          low[d] = std::min(low[d], p[d]);
          high[d] = std::max(high[d], p[d]);
        }
        partners(i, partner[l]);
      }
      theirs.around(low, high, reach, same ? own : 0, [&](int c) {
        const Cluster &other = theirs.at[c];
        const Mask tags = theirs.tags[c];
        for (int l = 0; l < beads; l++) {
          const Lanes dx = px[l] - other.x, dy = py[l] - other.y, dz = pz[l] - other.z;
          const Mask apart = (Mask) (tags != partner[l][0]) & (Mask) (tags != partner[l][1]);
          int within = bits((Mask) (dx * dx + dy * dy + dz * dz < reach2) & apart);
          if (same && c == own) within &= -2 << l;    // those behind in our own cluster
          rows[l][found[l]] = {c, within};
          found[l] += within != 0;
        }
      });
      for (int l = 0; l < beads; l++) of.add(own * W + l, rows[l].data(), found[l]);
    }
  }

  // tags of the bonded neighbours of a bead, in all lanes
  void partners(int i, Mask *partner) const
  {
    const int bonds = atom->molecular == Atom::MOLECULAR && i < atom->nlocal ? atom->nspecial[i][0] : 0;
    if (bonds > 2) error->one(FLERR, std::string(name) + " expects at most two bonds to a bead");
    for (int b = 0; b < 2; b++)
      for (int l = 0; l < W; l++) partner[b][l] = b < bonds ? atom->special[i][b] : -1;
  }
};

class PairLJCutClusters : public PairClusters {
 public:
  explicit PairLJCutClusters(LAMMPS *lmp) : PairClusters(lmp, "lj/cut/clusters", 3, "epsilon, sigma, cut-off") {}

  double init_one(int i, int j) override
  {
    const double reach = PairClusters::init_one(i, j);
    Term &t = term[i - 1][j - 1];
    const double s6 = std::pow(t.sigma, 6.0), c6 = std::pow(reach, -6.0);
    t.energy12 = 4.0 * t.epsilon * s6 * s6;
    t.energy6 = 4.0 * t.epsilon * s6;
    t.force12 = 12.0 * t.energy12;
    t.force6 = 6.0 * t.energy6;
    t.shift = offset_flag ? c6 * (t.energy12 * c6 - t.energy6) : 0.0;
    return reach;
  }

  void compute(int eflag, int vflag) override
  {
    const auto law = [this](int i, int j) {
      const Term &t = term[i][j];
      return LennardJones{all(t.force12), all(t.force6), all(t.energy12), all(t.energy6), all(t.shift)};
    };
    compute_by(law, eflag, vflag);
  }

 protected:
  void set(int i, int j, const std::vector<double> &values) override
  {
    term[i - 1][j - 1].epsilon = values[0];
    term[i - 1][j - 1].sigma = values[1];
  }

 private:
  struct Term {
    double epsilon = 0, sigma = 0;
    double force12 = 0, force6 = 0, energy12 = 0, energy6 = 0, shift = 0;
  };
  Term term[2][2];
};

class PairSoftClusters : public PairClusters {
 public:
  explicit PairSoftClusters(LAMMPS *lmp) : PairClusters(lmp, "soft/clusters", 2, "a, cut-off")
  {
    memory->create(height, 3, 3, "soft/clusters:height");
  }

  ~PairSoftClusters() override { memory->destroy(height); }

  void compute(int eflag, int vflag) override
  {
    const auto law = [this](int i, int j) {
      const double scale = std::acos(-1.0) / cut[i][j];
      return Cosine{all(height[i + 1][j + 1]), all(scale * scale)};
    };
    compute_by(law, eflag, vflag);
  }

  // where fix adapt finds the heights
  void *extract(const char *what, int &dim) override
  {
    dim = 2;
    return std::string(what) == "a" ? (void *) height : nullptr;
  }

 protected:
  void set(int i, int j, const std::vector<double> &values) override { height[i][j] = values[0]; }

 private:
  double **height;
};

// what LAMMPS expects of a plugin (its developer's guide, "Writing plugins")
struct Plugin {
  const char *version, *style, *name, *info, *author;
  void *(*creator)(void *);
  void *handle;
};

template <class Style> void *create(void *lmp)
{
  return new Style(static_cast<LAMMPS *>(lmp));
}

}    // namespace

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *registering)
{
  const auto announce = reinterpret_cast<void (*)(Plugin *, void *)>(registering);
  Plugin lj{LAMMPS_VERSION_TEXT, "pair", "lj/cut/clusters", "Lennard-Jones pairs in clusters", "nanonet",
            create<PairLJCutClusters>, handle};
  announce(&lj, lmp);
  Plugin soft{LAMMPS_VERSION_TEXT, "pair", "soft/clusters", "soft pairs in clusters", "nanonet",
              create<PairSoftClusters>, handle};
  announce(&soft, lmp);
}
