import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dispositionName, inputNamer, prettyName } from "../../../src/input/input-name.js";

const TASK_ID = "f692edeb41cb4a3eaebd2db0044c0778";
const URL_WITHOUT_NAME = "https://example.com/";

function named(suggested: string | undefined, url = URL_WITHOUT_NAME) {
  return { suggested, url, taskId: TASK_ID, extension: ".png" };
}

function inputName({ extension, ...source }: ReturnType<typeof named>): string {
  return inputNamer(source)(extension);
}

describe("dispositionName()", () => {
  it.each([
    ["inline", undefined],
    ["", undefined],
    ['attachment; filename="a b.png"', "a b.png"],
    ["attachment; filename=a.png; size=3", "a.png"],
    ['attachment; filename="say \\"hi\\".png"', 'say "hi".png'],
    ["attachment; filename*=UTF-8''%E7%85%A7.png; filename=plain.png", "照.png"],
    ["attachment; filename=plain.png; filename*=utf-8'zh'%E7%85%A7.png", "照.png"],
    ["attachment; filename*=UTF-8''%E7%85; filename=plain.png", "plain.png"],
    ["attachment; filename*=iso-8859-1''%E4.png; filename=plain.png", "ä.png"],
    ["attachment; filename*=utf-16''%E4.png; filename=plain.png", "plain.png"],
    [`attachment; filename="${Buffer.from("照片.png").toString("latin1")}"`, "照片.png"],
    ['attachment; filename="照片.png"', "照片.png"],
    ['attachment; filename="Gr\xfc\xdfe.png"', "Grüße.png"],
    ["filename=bare.png", "bare.png"],
  ])("reads %j", (header, name) => {
    expect(dispositionName(header)).toBe(name);
  });
});

describe("inputNamer() and prettyName()", () => {
  it.each([
    ["photo.png", "photo.png", "photo.png"],
    ["photo.JPEG", "photo.png", "photo.png"],
    ["my holiday.v2.jpg", "my_holiday.v2.png", "my holiday.v2.png"],
    ["照片 2.png", "_2.png", "照片 2.png"],
    ["Grüße.webp", "Gru_e.png", "Grüße.png"],
    ["ｐｈｏｔｏ.png", "photo.png", "ｐｈｏｔｏ.png"],
    ["../../etc/passwd", "passwd.png", "passwd.png"],
    ["C:\\Windows\\win.ini", "win.ini.png", "win.ini.png"],
    ["a\u202Egnp.exe", "agnp.exe.png", "agnp.exe.png"],
    ["a\u0000b\r\nc.png", "abc.png", "abc.png"],
    ["con.png", "_con.png", "_con.png"],
    ["-rf.png", "rf.png", "rf.png"],
    [".htaccess", "htaccess.png", "htaccess.png"],
    ["a<b>:c|d?.png", "a_b__c_d_.png", "a_b__c_d_.png"],
    ["$(reboot).png", "_reboot_.png", "(reboot).png"],
  ])("make of %j", (suggested, ascii, pretty) => {
    expect(inputName(named(suggested))).toBe(ascii);
    expect(prettyName(named(suggested))).toBe(pretty);
  });

  it("see through characters that turn into paths", () => {
    expect(inputName(named("\u2025\uff0f\u2025\uff0fa"))).toBe("a.png");
  });

  it("take the URL's last segment where nothing was suggested, and the task's id last", () => {
    expect(prettyName(named(undefined, "https://example.com/a/%E7%85%A7.jpg?x=/y.gif"))).toBe(
      "照.png",
    );
    expect(inputName(named(undefined, "https://example.com/a/%E7%85%A7.jpg"))).toBe(
      `${TASK_ID}.png`,
    );
    expect(prettyName(named("..", "https://example.com/a/b.jpg/"))).toBe("b.png");
    expect(prettyName(named(undefined))).toBe(`${TASK_ID}.png`);
    expect(prettyName(named(undefined, "https://example.com/%E7%85"))).toMatch(/\.png$/);
  });

  it("cut long names between characters, and keep the extension", () => {
    expect(inputName(named(`${"a".repeat(500)}.png`))).toBe(`${"a".repeat(116)}.png`);
    expect(prettyName(named("照".repeat(100)))).toBe(`${"照".repeat(38)}.png`);
    expect(prettyName(named("😀".repeat(100)))).toBe(`${"😀".repeat(29)}.png`);
  });

  it("are safe for whatever was suggested", () => {
    const nasty = [..."./\\:*?<>|%$~ _-aZ9照é😀\0\n\u202e\u2025\uff0f", "con", ".png", "\ud800"];
    const source = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: fc.constantFrom(...nasty), maxLength: 200 }),
    );
    fc.assert(
      fc.property(source, (suggested) => {
        expect(inputName(named(suggested))).toMatch(/^[A-Za-z0-9_][\w.-]{0,115}\.png$/);
        const pretty = prettyName(named(suggested));
        expect(Buffer.byteLength(pretty)).toBeLessThanOrEqual(120);
        expect(pretty).not.toMatch(/[\\/\p{Cc}\p{Cf}\p{Cs}<>:"|?*]|\.\.|^[.\s]|[.\s]\.png$/u);
      }),
    );
  });
});
