// Draws the charts from the JSON blocks beside them, in the colours of the page.
"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const theme = () => ({ text: colour("--text"), card: colour("--card"), line: colour("--line") });
  const config = { responsive: true, displaylogo: false, displayModeBar: false };

  // Plotly paints the button that was pressed in a fixed colour; the style sheet marks it instead.
  const markPressed = (chart) => {
    const menus = chart.layout.updatemenus || [];
    menus.forEach((menu) => {
      chart.querySelectorAll(".updatemenu-button").forEach((button, index) => {
        button.classList.toggle("chosen", index === (menu.active || 0));
      });
    });
  };

  // What marks say is written once for all charts; these have places in that list.
  const texts = JSON.parse(document.getElementById("texts").textContent);

  const draw = async (chart) => {
    const block = document.querySelector(`script[data-for="${chart.id}"]`);
    const { data, layout } = JSON.parse(block.textContent);
    data.forEach((trace) => {
      if (trace.hovertext) trace.hovertext = trace.hovertext.map((place) => texts[place]);
    });
    const { text, card, line } = theme();
    layout.font = { ...layout.font, color: text };
    const hoverFont = { ...layout.hoverlabel.font, color: text };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: card, bordercolor: line, font: hoverFont };
    if (touch.matches) layout.dragmode = false; // a finger scrolls the page
    await Plotly.newPlot(chart, data, layout, config);
    chart.on("plotly_afterplot", () => markPressed(chart));
    markPressed(chart);
  };

  // What is on the screen is drawn first, then what is near it, and the rest when it comes near, so
  // that a page with many charts opens at once.
  const drawings = new Map();
  const drawOnce = (chart) => {
    if (!drawings.has(chart)) drawings.set(chart, draw(chart).catch((error) => console.error(error)));
    return drawings.get(chart);
  };
  const painted = () => new Promise((resume) => setTimeout(resume));
  const isOnScreen = ({ boundingClientRect: { top, bottom } }) => top < window.innerHeight && bottom > 0;
  const observer = new IntersectionObserver(async (entries) => {
    const near = entries.filter((entry) => entry.isIntersecting);
    near.forEach((entry) => observer.unobserve(entry.target));
    for (const entry of near.filter(isOnScreen)) await drawOnce(entry.target);
    document.documentElement.dataset.drawn = "true";
    for (const entry of near) {
      await painted();
      await drawOnce(entry.target);
    }
  }, { rootMargin: "50%" });
  const charts = [...document.querySelectorAll("[data-chart]")];
  charts.forEach((chart) => observer.observe(chart));

  window.addEventListener("beforeprint", () => charts.forEach(drawOnce));
  dark.addEventListener("change", () => {
    const { text, card, line } = theme();
    const change = {
      "font.color": text,
      "hoverlabel.font.color": text,
      "hoverlabel.bgcolor": card,
      "hoverlabel.bordercolor": line,
    };
    [...drawings.keys()].forEach((chart) => Plotly.relayout(chart, change));
  });
})();
