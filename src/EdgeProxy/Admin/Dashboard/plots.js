// Curves of what the proxy has counted, a colour for each slot, with a mark for each switch.
const PlotWidth = 600;

/** Values of both slots over time, drawn into an SVG. */
class Plot {
  /** Values: functions of a slot's sample; the first is drawn solid, the second dashed. Null: no value then. */
  constructor(svg, ...values) {
    this.svg = svg;
    this.values = values;
  }

  /** Begin and end are milliseconds since 1970; a mark has a time, a text and a class. */
  draw(samples, every, marks, begin, end, description) {
    const x = time => (PlotWidth * (time - begin) / (end - begin)).toFixed(1);
    const curves = slotNames.flatMap(slot => this.values.map((value, index) => ({
      slot, index, points: samples.map(sample => [sample.time, sample.slots[slot] ? value(sample.slots[slot]) : null]),
    }))).filter(curve => curve.points.some(([, value]) => value !== null));
    const top = Math.max(...curves.flatMap(curve => curve.points.map(([, value]) => value ?? 0)), 1e-9);
    this.svg.replaceChildren(
      ...marks.filter(mark => mark.time >= begin).map(mark => this.mark(x(mark.time), mark)),
      ...curves.map(({ slot, index, points }) => {
        let line = '';
        let before = -Infinity;
        for (const [time, value] of points.filter(([, value]) => value !== null)) {
          const isGap = time - before > 2.5 * every; // no request has ended: not a slope from then to now
          line += `${isGap ? 'M' : 'L'}${x(time)},${(78 - 74 * value / top).toFixed(1)}`;
          before = time;
        }
        return svgElement('path', { class: `${slot} ${index ? 'second' : 'first'}`, d: line });
      }));
    this.svg.setAttribute('aria-label', description);
  }

  mark(x, { text: content, className }) {
    const line = svgElement('line', { class: className, x1: x, x2: x, y1: 0, y2: 80 });
    const title = svgElement('title', {});
    title.textContent = content;
    line.append(title);
    return line;
  }
}

function svgElement(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}
