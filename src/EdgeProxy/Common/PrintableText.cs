using System.Globalization;
using System.Text;

namespace EdgeProxy.Common;

/// <summary>
/// Text of others for a terminal or a chat: an app's log or body, a label, may hold anything, control sequences for instance, or characters that turn the
/// direction of what stands beside them.
/// </summary>
internal static class PrintableText
{
    /// <summary>Lines and tabs stay.</summary>
    public static string Of(string text) => Replace(text, keepsLines: true);

    /// <summary>One line: what stands in one would otherwise begin another, which says what it likes.</summary>
    public static string LineOf(string text) => Replace(text, keepsLines: false);

    private static string Replace(string text, bool keepsLines)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text;
        }

        var printable = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) // half of a pair is U+FFFD
        {
            _ = rune.Value is '\n' or '\t' ? printable.Append(keepsLines ? (char)rune.Value : ' ')
                : IsUnprintable(rune) ? printable.Append('\uFFFD')
                : printable.Append(rune.ToString());
        }

        return printable.ToString();
    }

    private static bool IsUnprintable(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
