(function () {
  "use strict";
  // Comfort only: everything is there without it.
  function apply(input) {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    var target = document.getElementById(input.dataset.filter);
    var rows = target.querySelectorAll("[data-row]");
    var shown = 0;
    rows.forEach(function (row) {
      var group = row.closest("[data-group]");
      var title = group ? group.querySelector("h3").textContent : "";
      var text = (row.textContent + " " + title).toLowerCase();
      row.hidden = !words.every(function (word) { return text.indexOf(word) >= 0; });
      if (!row.hidden) { shown += 1; }
    });
    target.querySelectorAll("[data-group]").forEach(function (group) {
      group.hidden = words.length > 0 && !group.querySelector("[data-row]:not([hidden])");
    });
    target.querySelectorAll("details[data-fold]").forEach(function (list) {
      if (words.length > 0) { list.open = true; }
    });
    input.parentNode.querySelector("output").textContent = words.length ? shown + " of " + rows.length : "";
  }
  function reveal() {
    var id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch (error) { return; }
    var target = id && document.getElementById(id);
    if (!target) { return; }
    for (var up = target; up; up = up.parentElement) {
      if (up.tagName === "DETAILS") { up.open = true; }
    }
    target.scrollIntoView();
  }
  document.querySelectorAll("input[data-filter]").forEach(function (input) {
    input.closest("label").hidden = false;
    input.addEventListener("input", function () { apply(input); });
  });
  window.addEventListener("hashchange", reveal);
  reveal();
})();
