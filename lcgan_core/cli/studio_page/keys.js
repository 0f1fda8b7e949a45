// Answers by keys: about the current place, which is marked, and then the next one. Every answer lights up its place.
() => {
    let current = 0;
    const LIGHT = {wanted: 'var(--color-accent-soft)', unwanted: 'var(--error-background-fill)', skip: 'var(--background-fill-secondary)'};
    const press = id => document.getElementById(id)?.click();
    const places = () => [...document.querySelectorAll('#questions .place')].filter(place => place.offsetParent);
    const choose = number => {
        const shown = places();
        current = (number + shown.length) % shown.length;
        shown.forEach((place, at) => place.classList.toggle('current', at === current));
    };
    document.addEventListener('keydown', event => {
        const many = places().length;
        if (!many || event.ctrlKey || event.altKey || event.metaKey || event.target.matches('input, textarea')) return;
        const reply = {y: 'wanted', n: 'unwanted', s: 'skip'}[event.key];
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
        if (event.key === 'u') press('undo');
        else if (step) choose(current + step);
        else if (event.key >= 1 && event.key <= many) choose(event.key - 1);
        else if (reply) { press(`${reply}-${current}`); choose(current + 1); }
    });
    document.addEventListener('click', event => {
        const place = event.target.closest('#questions .place');
        if (!place) return;
        if (event.isTrusted) choose(places().indexOf(place));
        const light = LIGHT[event.target.closest('button')?.id.split('-')[0]];
        if (light) place.animate([{backgroundColor: light}, {}], 500);
    });
    const first = setInterval(() => { if (places().length) { choose(0); clearInterval(first); } }, 100);
}
