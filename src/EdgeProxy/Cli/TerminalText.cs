using System.Text;

namespace EdgeProxy.Cli;

/// <summary>Text of others for a terminal: an app's log or body may hold anything, control sequences for instance.</summary>
internal static class TerminalText
{
    public static string Printable(string text)
    {
        if (!text.Any(IsControl))
        {
            return text;
        }

        var printable = new StringBuilder(text.Length);
        foreach (var character in text)
        {
            printable.Append(IsControl(character) ? '\uFFFD' : character);
        }

        return printable.ToString();
    }

    private static bool IsControl(char character) => char.IsControl(character) && character is not ('\t' or '\n');
}
