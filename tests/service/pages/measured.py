"""What is measured of a page while it is shown: functions of JavaScript, run in it."""

FAINT = """() => {
  // WCAG 2.2, 1.4.3: text that stands out too little from what is behind it. A canvas reads colours however written.
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    return { channels: [red, green, blue], alpha: alpha / 255 };
  };
  const over = (top, alpha, below) => top.map((channel, index) => channel * alpha + below[index] * (1 - alpha));
  const luminance = (channels) => {
    const [red, green, blue] = channels.map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const around = (element) => {
    const found = [];
    for (let one = element; one !== null; one = one.parentElement) found.unshift(one);
    return found;
  };
  const behind = (element) => around(element).reduce((below, one) => {
    const { channels, alpha } = rgba(getComputedStyle(one).backgroundColor);
    return over(channels, alpha, below);
  }, matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255]);
  const opacity = (element) => around(element).reduce((all, one) => all * Number(getComputedStyle(one).opacity), 1);
  const judged = (element, text, style) => {
    const below = behind(element);
    const { channels, alpha } = rgba(style.color);
    const both = [over(channels, alpha * opacity(element), below), below].map(luminance);
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    return { text, ratio: Math.round(ratio * 100) / 100, needed: large ? 3 : 4.5 };
  };
  const shown = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && element.closest(":disabled") === null;
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    const { width, height } = element.getBoundingClientRect();
    // What only a screen reader is told takes no room.
    if (text === "" || !shown(element) || width <= 1 || height <= 1) continue;
    found.push(judged(element, text, getComputedStyle(element)));
  }
  for (const field of document.querySelectorAll("[placeholder]")) {
    if (shown(field)) found.push(judged(field, field.placeholder, getComputedStyle(field, "::placeholder")));
  }
  return { looked: found.length, faint: found.filter(({ ratio, needed }) => ratio < needed) };
}"""
"""How many texts were looked at, and those that are too faint for where they stand."""

TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  // What is cut off by what it stands in, is not seen beyond that.
  const seen = (element) => {
    let { left, right } = element.getBoundingClientRect();
    for (let one = element.parentElement; one !== null; one = one.parentElement) {
      if (getComputedStyle(one).overflowX === "visible") continue;
      const box = one.getBoundingClientRect();
      [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
    }
    return { left, right };
  };
  const wide = [...document.body.querySelectorAll("*")].filter((element) => {
    if (!element.checkVisibility() || element.getBoundingClientRect().width <= 1) return false;
    const { left, right } = seen(element);
    return right > left && (right > width + 1 || left < -1);
  });
  const scrolls = document.documentElement.scrollWidth - width;
  return { scrolls, wide: wide.map((element) => element.outerHTML.slice(0, 120)) };
}"""
"""By how many pixels the page scrolls sideways, and what of it lies outside of the screen."""

WATCH_SHIFTS = """
  window.shifted = { sum: 0, sources: [] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      window.shifted.sum += entry.value;
      window.shifted.sources.push(...entry.sources.map(({ node }) => node?.nodeName + "#" + (node?.id ?? "")));
    }
  }).observe({ type: "layout-shift", buffered: true });
"""
"""To be run before a page is: what shifts in it without anybody having touched it, from its beginning."""

FROM_THE_BEGINNING = """() => {
  window.seen = new Set();
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""
"""Begins anew with what the tab key leads to."""

STOP = """() => {
  const { activeElement } = document;
  if (activeElement === null || activeElement === document.body || window.seen.has(activeElement)) return null;
  window.seen.add(activeElement);
  const { outlineStyle, outlineWidth } = getComputedStyle(activeElement);
  const name = activeElement.id || activeElement.textContent.trim();
  return { name, outlined: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
}"""
"""Where the tab key has led: its name, and whether one sees that; null where it has been, or outside of the page."""

LEFT_OUT = """() => [...document.querySelectorAll("a[href], :is(button, input, select, textarea):enabled")]
  .filter((one) => one.checkVisibility() && !window.seen.has(one))
  // Of a list, one row stands in the tab order, and the arrows lead to all others.
  .filter((one) => one.closest("#list")?.querySelector("[tabindex='0']") == null)
  .map((one) => one.outerHTML)"""
"""What can be used and was not reached."""
