"""Strings that models, files and servers might send to break a page or run in it.

Each would set ``window.__xss``, ask a server, or open a dialog, where it ran.
"""

from __future__ import annotations

RUN = "window.__xss=1"

HOSTILE: tuple[str, ...] = (
    # elements that run
    f"<script>{RUN}</script>",
    f"<SCRIPT>{RUN}</SCRIPT >",
    f"<script type=module>{RUN}</script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    "<script src=https://x.invalid/x.js></script>",
    "<script src=data:text/javascript,window.__xss=1></script>",
    # handlers
    f"<img src=x onerror={RUN}>",
    f"<img src=x onerror='{RUN}'//",
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<marquee onstart={RUN}>x</marquee>",
    f"<div style='animation:x' onanimationstart={RUN}>x</div>",
    f'" onmouseover="{RUN}" x="',
    f"' onmouseover='{RUN}' x='",
    f"x onmouseover={RUN}",
    f"` onmouseover={RUN} `",
    # svg and mathml
    f"<svg onload={RUN}></svg>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s></svg>",
    f"<svg><a xlink:href=javascript:{RUN}><text>x</text></a></svg>",
    "<svg><use href=data:image/svg+xml,x#x></use></svg>",
    f"<math><mtext><img src=x onerror={RUN}></mtext></math>",
    f"<math href=javascript:{RUN}>x</math>",
    # addresses
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}//",
    f"java\tscript:{RUN}",
    f"<a href=javascript:{RUN}>x</a>",
    f"<a href='data:text/html,<script>{RUN}</script>'>x</a>",
    f"data:text/html;base64,{'PHNjcmlwdD53aW5kb3cuX194c3M9MTwvc2NyaXB0Pg=='}",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src=javascript:{RUN}></iframe>",
    f"<object data=javascript:{RUN}></object>",
    "<embed src=https://x.invalid/x.swf>",
    "<link rel=stylesheet href=https://x.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=https://x.invalid'>",
    "<base href=https://x.invalid/>",
    f"<form action=javascript:{RUN}><button>x</button></form>",
    "https://x.invalid/?q=<b>",
    # templates
    "{{ 7 * 7 }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{# a comment #} ${7*7} #{7*7} <%= 7*7 %>",
    "{{ self.__init__.__globals__ }} {% raw %}",
    # ends of what they stand in
    f"</script><script>{RUN}</script>",
    f"</style><script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"</template></noscript></svg><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"]]><script>{RUN}</script><![CDATA[",
    "<!--",
    "<plaintext>",
    "</div></section></main></body></html>",
    # parsers that read twice
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    "<math><mtext><table><mglyph><style><!--</style>"
    f"<img title='--&gt;&lt;img src=x onerror={RUN}>'>",
    f"<svg></p><style><a id='</style><img src=x onerror={RUN}>'>",
    f"&lt;img src=x onerror={RUN}&gt; &#60;script&#62;{RUN}&#60;/script&#62;",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e \\x3cscript\\x3e",
    "+ADw-script+AD4-window.__xss=1+ADw-/script+AD4-",
    # css
    "</style><style>*{display:none}</style>",
    "x;background:url(https://x.invalid/x.png)",
    "}body{display:none}@import 'https://x.invalid/x.css';",
    "expression(window.__xss=1);position:fixed;inset:0;z-index:9999",
    "url('javascript:window.__xss=1')",
    # characters
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J",
    "nothing\x00here\x08\x0b\x0c\x7f\x9b",
    "\u202egnp.exe\u202c \u2066left\u2069 \u200fשלום\u200e",
    "\ufeff\ufffe\ud800\udfff half a letter",
    "Z̷̡̛̈́a̵̢͊l̶̨̛g̷̛͓o̶͔̎" + "\u0301" * 60,
    "zero\u200bwidth\u2060joined\u00ad",
    "👩‍👩‍👧‍👦🏳️‍🌈" * 20,
    # whatever else breaks a page
    "W" * 8_000,
    "https://x.invalid/" + "path" * 400,
    "word " * 800,
    "\n" * 50 + "end",
    "| a | b |\n|---|---|\n`` ``` [x](javascript:window.__xss=1) @everyone #1 <!-- -->",
    "../../../../etc/passwd",
    "..\\..\\con",
    "'; DROP TABLE samples; --",
    "__proto__",
    "NaN",
)
