// Rates and latencies from the counters that the proxy shows, and their curves over the last five minutes.
const PlotSeconds = 300;

/** Values over time, drawn into an SVG. Lines is how many curves share it. */
class Plot {
  constructor(svg, lines) {
    this.svg = svg;
    this.points = [];
    this.paths = Array.from({ length: lines }, (_, index) => {
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('class', index ? 'second' : 'first');
      svg.append(path);
      return path;
    });
  }

  add(at, values, describe) {
    this.points.push({ at, values });
    this.points = this.points.filter(point => at - point.at <= PlotSeconds * 1000);
    const top = Math.max(...this.points.flatMap(point => point.values.filter(Number.isFinite)), 1e-9);
    this.paths.forEach((path, index) => {
      let drawn = '';
      let pen = 'M';
      for (const point of this.points) {
        const value = point.values[index];
        if (!Number.isFinite(value)) {
          pen = 'M'; // a gap, not a zero
          continue;
        }
        const x = 300 - (at - point.at) / 1000 * (300 / PlotSeconds);
        drawn += `${pen}${x.toFixed(1)},${(78 - 74 * value / top).toFixed(1)}`;
        pen = 'L';
      }
      path.setAttribute('d', drawn);
    });
    this.svg.setAttribute('aria-label', describe);
  }
}

/** Reads a histogram out of the Prometheus text: cumulative counts by upper bound in seconds, all label sets summed. */
function readHistogram(exposition, name) {
  const buckets = new Map();
  for (const line of exposition.split('\n')) {
    const match = line.startsWith(`${name}_bucket{`) && /[{,]le="([^"]+)".*\} ([0-9.e+]+)/.exec(line);
    if (match) {
      const bound = match[1] === '+Inf' ? Infinity : Number(match[1]);
      buckets.set(bound, (buckets.get(bound) ?? 0) + Number(match[2]));
    }
  }
  return [...buckets].sort(([one], [other]) => one - other);
}

/** The quantile of what was counted between two reads, in seconds; NaN where nothing was. */
function quantile(before, now, share) {
  const earlier = new Map(before);
  const counts = now.map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)]);
  const total = counts.length ? counts[counts.length - 1][1] : 0;
  if (total <= 0) {
    return NaN;
  }
  let lower = 0;
  let below = 0;
  for (const [bound, count] of counts) {
    if (count >= total * share) {
      return bound === Infinity ? lower : lower + (bound - lower) * (total * share - below) / Math.max(count - below, 1e-9);
    }
    [lower, below] = [bound, count];
  }
  return NaN;
}
