using System.Buffers;
using System.Globalization;
using System.Text;

namespace EdgeProxy.Diagnostics.AccessLogging;

/// <summary>The NCSA common log format as Apache writes it: <c>%h %l %u %t "%r" %&gt;s %b</c> (mod_log_config), times in UTC.</summary>
/// <remarks>Escaped as Apache does: quotes and backslashes with a backslash, what is no printable ASCII as <c>\xhh</c>. So a line is one line, of seven
/// fields.</remarks>
internal sealed class CommonLines(QueryRedaction query) : LineFormat(query)
{
    private static readonly SearchValues<char> _plain = SearchValues.Create(
        [.. Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code).Except("\"\\")]);

    public override void Write(in RequestRecord request, LineScratch scratch)
    {
        var line = scratch.Bytes;
        var context = request.Context;
        Span<byte> text = stackalloc byte[64];
        line.Write(Format(context.Connection.RemoteIpAddress, text));
        line.Write(" - - ["u8);
        Write(line, request.EndedAt.UtcDateTime - request.Duration, "dd/MMM/yyyy:HH:mm:ss"); // %t: when the request came
        line.Write(" +0000] \""u8);
        WriteEscaped(line, context.Request.Method);
        line.Write(" "u8);
        WriteEscaped(line, Redact(Target(context), scratch));
        line.Write(" "u8);
        WriteEscaped(line, context.Request.Protocol);
        line.Write("\" "u8);
        Write(line, request.Status);
        line.Write(" "u8);
        if (request.BytesSent > 0)
        {
            Write(line, request.BytesSent);
        }
        else
        {
            line.Write("-"u8); // %b
        }

        line.Write("\n"u8);
    }

    private static void Write<T>(IBufferWriter<byte> line, T value, ReadOnlySpan<char> format = default)
        where T : IUtf8SpanFormattable
    {
        value.TryFormat(line.GetSpan(64), out var length, format, CultureInfo.InvariantCulture);
        line.Advance(length);
    }

    private static void WriteEscaped(IBufferWriter<byte> line, ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            var special = text.IndexOfAnyExcept(_plain);
            var plain = special < 0 ? text : text[..special];
            line.Advance(Encoding.ASCII.GetBytes(plain, line.GetSpan(plain.Length)));
            text = text[plain.Length..];
            if (!text.IsEmpty)
            {
                Rune.DecodeFromUtf16(text, out var rune, out var length);
                WriteEscaped(line, rune);
                text = text[length..];
            }
        }
    }

    private static void WriteEscaped(IBufferWriter<byte> line, Rune rune)
    {
        if (rune.Value is '"' or '\\')
        {
            line.Write([(byte)'\\', (byte)rune.Value]);
            return;
        }

        Span<byte> utf8 = stackalloc byte[4];
        foreach (var code in utf8[..rune.EncodeToUtf8(utf8)])
        {
            line.Write("\\x"u8);
            Write(line, code, "x2");
        }
    }
}
