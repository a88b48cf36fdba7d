// The page "Explore a schedule": a model of a pool, its picture, and the fields that set it.
// The model is that of `shared/course/src/schedule/`, and a test compares the two.
(() => {
    "use strict";

    const page = document.querySelector(".schedule");
    if (!page) {
        return;
    }

    // The model. Times are whole microseconds.

    // Mulberry32: 32 random bits a call.
    function generator(seed) {
        let state = seed >>> 0;
        return () => {
            state = (state + 0x6D2B79F5) >>> 0;
            let t = state;
            t = Math.imul(t ^ (t >>> 15), t | 1);
            t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
            return (t ^ (t >>> 14)) >>> 0;
        };
    }

    const kinds = {
        equal: mean => mean,
        // The product has at most 53 bits, so it is exact.
        random: (mean, next) => 1 + Math.floor(next() * (2 * mean - 1) / 2 ** 32),
        power: (mean, next) => {
            const uniform = (next() + 1) / 2 ** 32;
            return Math.min(Math.max(Math.floor(mean / 3 * Math.pow(uniform, -2 / 3)), 1), 20 * mean);
        },
        long: (mean, next, isLast) => isLast ? 10 * mean : mean,
    };

    function durations(setting) {
        const next = generator(setting.seed);
        const time = (_, task) => kinds[setting.times](setting.mean, next, task + 1 === setting.tasks);
        const times = Array.from({ length: setting.tasks }, time);
        return setting.sort ? times.sort((a, b) => b - a) : times;
    }

    function chunkSize({ chunk, call, tasks, workers }) {
        return chunk || (call === "map" ? Math.ceil(tasks / (4 * workers)) : 1);
    }

    const sum = numbers => numbers.reduce((a, b) => a + b, 0);

    function schedule(setting) {
        const times = durations(setting);
        const size = chunkSize(setting);
        const work = sum(times);
        const serial = Math.floor(work * setting.serial / (100 - setting.serial));
        const free = Array(setting.workers).fill(serial);
        const bars = [], sent = [];
        let results = [];
        let parent = serial;
        for (let first = 0; first < times.length; first += size) {
            const worker = free.indexOf(Math.min(...free));
            const start = Math.max(parent, free[worker]);
            parent = start + setting.cost;
            sent.push({ start, end: parent });
            let now = parent;
            for (const time of times.slice(first, first + size)) {
                bars.push({ task: bars.length, chunk: sent.length - 1, worker, start: now, end: now + time });
                now += time;
            }
            free[worker] = now;
            while (results.length < bars.length) {
                results.push(now);
            }
        }
        const total = Math.max(...results);
        if (setting.call === "map") {
            results.fill(total);
        } else if (setting.call === "imap") {
            let latest = 0;
            results = results.map(at => latest = Math.max(latest, at));
        } else {
            results.sort((a, b) => a - b);
        }
        const longest = Math.max(...times);
        const { workers } = setting;
        return {
            size, bars, sent, results, serial, total, work, longest,
            idle: 1 - work / (workers * total),
            speedUp: (serial + work) / total,
            amdahlEnd: serial + work / workers,
            amdahl: (serial + work) / (serial + work / workers),
            longestEnd: serial + longest,
            longestBound: (serial + work) / (serial + longest),
        };
    }

    // What the fields say. Those with `data-steps` are sliders over the numbers listed there.

    const form = page.querySelector("form");
    const fields = [...form.elements].filter(field => field.name);
    const steps = field => field.dataset.steps?.split(" ");

    function read(field) {
        if (field.type === "checkbox") {
            return field.checked ? "1" : "0";
        }
        return steps(field)?.[field.value] ?? field.value;
    }

    function write(field, value) {
        if (field.type === "checkbox") {
            field.checked = value === "1";
        } else if (field.tagName === "SELECT") {
            if ([...field.options].some(option => option.value === value)) {
                field.value = value;
            }
        } else if (steps(field)) {
            if (steps(field).includes(value)) {
                field.value = steps(field).indexOf(value);
            }
        } else if (/^\d+$/.test(value)) {
            // A slider moves what is beyond its ends to them; a field for numbers does not.
            field.value = Math.min(Math.max(value, field.min), field.max);
        }
    }

    const first = new Map(fields.map(field => [field.name, read(field)]));

    function setting() {
        const texts = Object.fromEntries(fields.map(field => [field.name, read(field)]));
        const whole = name => {
            const field = form.elements[name];
            const number = Number.parseInt(texts[name], 10);
            return Number.isFinite(number) ? Math.min(Math.max(number, field.min), field.max) : Number(first.get(name));
        };
        return {
            workers: whole("workers"),
            tasks: whole("tasks"),
            chunk: whole("chunk"),
            serial: whole("serial"),
            seed: whole("seed"),
            mean: Math.round(texts.mean * 1000),
            cost: Math.round(texts.cost * 1000),
            times: texts.times,
            call: texts.call,
            sort: texts.sort === "1",
        };
    }

    // The address has what differs from the first setting, so that a link shows the same again.

    function fragment() {
        const changed = fields.filter(field => read(field) !== first.get(field.name));
        return changed.map(field => `${field.name}=${encodeURIComponent(read(field))}`).join("&");
    }

    function readFragment() {
        const text = location.hash.slice(1);
        // That of a heading is none.
        if (text && !text.includes("=")) {
            return;
        }
        const values = new URLSearchParams(text);
        for (const field of fields) {
            write(field, values.get(field.name) ?? first.get(field.name));
        }
    }

    // Words.

    function inTime(microseconds) {
        const [unit, size] = microseconds < 1000 ? ["µs", 1] : microseconds < 1e6 ? ["ms", 1e3] : ["s", 1e6];
        const number = microseconds / size;
        const decimals = unit === "µs" || number >= 100 ? 0 : number >= 10 ? 1 : 2;
        return `${Number(number.toFixed(decimals))} ${unit}`;
    }

    const inTimes = ratio => `${ratio.toFixed(2)} times`;
    const inPercent = share => `${(100 * share).toFixed(1)} %`;

    function fieldWords(field, size) {
        const value = read(field);
        switch (field.name) {
        case "chunk": return value === "0" ? `auto: ${size}` : value;
        case "mean": case "cost": return inTime(value * 1000);
        case "serial": return `${value} %`;
        default: return value;
        }
    }

    function showNumbers(its) {
        const { results } = its;
        const shown = {
            total: [its.total, inTime],
            first: [results[0], inTime],
            half: [results[Math.ceil(results.length / 2) - 1], inTime],
            idle: [its.idle, inPercent],
            speedup: [its.speedUp, inTimes],
            amdahl: [its.amdahl, inTimes],
            longest: [its.longestBound, inTimes],
        };
        // The largest that can be is the number of workers, or what the longest task allows.
        const widest = Math.max(its.amdahl, its.speedUp);
        for (const [name, [value, words]] of Object.entries(shown)) {
            const place = page.querySelector(`[data-number=${name}]`);
            place.dataset.value = value;
            place.textContent = words(value);
            place.style.setProperty("--part", `${Math.min(100 * value / widest, 100)}%`);
        }
    }

    // The picture.

    const svg = page.querySelector("svg");
    const NAMES = 66, TOP = 36, ROW = 20, BOTTOM = 26;

    function element(name, attributes, text) {
        const it = document.createElementNS("http://www.w3.org/2000/svg", name);
        for (const [key, value] of Object.entries(attributes)) {
            it.setAttribute(key, value);
        }
        if (text) {
            it.textContent = text;
        }
        return it;
    }

    // The distance of marks on the axis: 1, 2 or 5 times a power of ten, and at most `count` of them.
    function markDistance(total, count) {
        const power = 10 ** Math.floor(Math.log10(total / count));
        return [1, 2, 5, 10].map(factor => factor * power).find(distance => total / distance <= count);
    }

    function draw({ workers, call }, its) {
        const width = Math.max(page.clientWidth, 280);
        const rows = workers + 2, height = TOP + rows * ROW + BOTTOM;
        const x = time => NAMES + (width - NAMES - 12) * time / its.total;
        const y = row => TOP + row * ROW;
        const parts = [];
        const add = (...what) => parts.push(element(...what));
        const bar = (kind, row, { start, end }, more, words) => {
            const left = x(start);
            const it = element("rect", {
                class: kind, x: left.toFixed(2), y: y(row) + 2, width: Math.max(x(end) - left, 0.5).toFixed(2), height: ROW - 4, ...more,
            });
            it.append(element("title", {}, `${words}, ${inTime(start)} to ${inTime(end)}`));
            parts.push(it);
        };
        const name = (row, words) => add("text", { class: "name", x: NAMES - 6, y: y(row) + 14 }, words);

        name(0, "parent");
        for (let worker = 0; worker < workers; worker++) {
            name(worker + 1, `worker ${worker + 1}`);
        }
        name(workers + 1, "results");
        for (let row = 0; row < rows; row++) {
            add("rect", { class: "row", x: NAMES, y: y(row) + 1, width: width - NAMES - 12, height: ROW - 2 });
        }
        if (its.serial) {
            bar("serial", 0, { start: 0, end: its.serial }, {}, "the serial part");
        }
        its.sent.filter(({ start, end }) => end > start).forEach((span, chunk) => bar("sent", 0, span, {}, `chunk ${chunk} is sent`));
        for (const it of its.bars) {
            const data = `${it.task} ${it.worker} ${it.start} ${it.end}`;
            bar(it.chunk % 2 ? "odd" : "even", it.worker + 1, it, { "data-bar": data }, `task ${it.task} of chunk ${it.chunk}`);
        }
        for (const at of new Set(its.results)) {
            const many = its.results.filter(other => other === at).length;
            const mark = element("path", { class: "result", d: `M${x(at).toFixed(2)} ${y(workers + 1) + 2}v${ROW - 4}` });
            mark.append(element("title", {}, `${many} of the results at ${inTime(at)}`));
            parts.push(mark);
        }
        const distance = markDistance(its.total, width < 500 ? 4 : 8);
        for (let time = 0; time <= its.total; time += distance) {
            const close = x(time) > width - 40 ? "end" : time ? "middle" : "start";
            add("path", { class: "axis", d: `M${x(time).toFixed(2)} ${y(rows)}v4` });
            add("text", { class: "mark", x: x(time).toFixed(2), y: y(rows) + 17, "text-anchor": close }, inTime(time));
        }
        [[its.amdahlEnd, "Amdahl"], [its.longestEnd, "longest task"]].forEach(([time, words], place) => {
            const isLeft = x(time) < width / 2;
            const at = x(time).toFixed(2), line = 12 + 15 * place;
            add("path", { class: "bound", d: `M${at} ${line - 9}V${y(rows)}` });
            add("text", { class: "mark", x: x(time) + (isLeft ? 4 : -4), y: line, "text-anchor": isLeft ? "start" : "end" }, words);
        });
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.setAttribute("height", height);
        svg.setAttribute("aria-label", `Timeline of ${call}: a row for each of ${workers} workers, a bar for each task.`);
        svg.replaceChildren(...parts);
    }

    function sentence({ tasks, workers, call }, its) {
        const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
        return `${plural(tasks, "task")} by ${call} on ${plural(workers, "worker")}: ${inTime(its.total)}, `
            + `a speed-up of ${its.speedUp.toFixed(2)} (Amdahl allows ${its.amdahl.toFixed(2)}, `
            + `the longest task ${its.longestBound.toFixed(2)}), workers idle for ${inPercent(its.idle)}.`;
    }

    // A screen reader is told once the fields have come to rest.
    const status = page.querySelector("[role=status]");
    let telling;

    function show() {
        const what = setting();
        const its = schedule(what);
        for (const field of fields) {
            const words = fieldWords(field, its.size);
            const value = field.parentElement.querySelector(".value");
            if (value) {
                value.textContent = words;
                field.setAttribute("aria-valuetext", words);
            }
        }
        showNumbers(its);
        draw(what, its);
        clearTimeout(telling);
        telling = setTimeout(() => { status.textContent = sentence(what, its); }, 400);
    }

    form.addEventListener("input", () => {
        show();
        history.replaceState(null, "", `#${fragment()}`);
    });
    // `reset` comes before the fields change.
    form.addEventListener("reset", () => setTimeout(() => {
        show();
        history.replaceState(null, "", "#");
    }));
    form.addEventListener("submit", event => event.preventDefault());
    // Elsewhere, arrows turn the book's pages.
    form.addEventListener("keydown", event => {
        if (event.key.startsWith("Arrow")) {
            event.stopPropagation();
        }
    });
    addEventListener("hashchange", () => {
        readFragment();
        show();
    });
    page.hidden = false;
    readFragment();
    show();
    new ResizeObserver(() => draw(setting(), schedule(setting()))).observe(page);
})();
