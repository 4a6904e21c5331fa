using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.Sites.Placeholders;

/// <summary>How a text and what a client has sent come to stand somewhere without becoming something else there.</summary>
internal abstract class Escaping
{
    /// <summary>The value of a header field: no control character, and UTF-8 as bytes.</summary>
    public static Escaping Field { get; } = new InField();

    /// <summary>A URL.</summary>
    public static Escaping Url { get; } = new InUrl();

    /// <summary>A target of a request, in which the path stays encoded as it came, and a part of it is encoded anew.</summary>
    public static Escaping Target { get; } = new InTarget();

    /// <summary>A name or a value in the query of a target (<c>url.QueryEscape</c> of Go, which Caddy uses): text of the settings stays as it is, and what
    /// is filled in begins no other parameter.</summary>
    public static Escaping Parameter { get; } = new InParameter();

    public static Escaping Html { get; } = new InText(WebUtility.HtmlEncode);

    public static Escaping Json { get; } = new InText(JavaScriptEncoder.Default.Encode);

    public static Escaping Text { get; } = new InText(text => text);

    /// <summary>The escaping for a body of this type.</summary>
    public static Escaping OfType(string contentType) =>
        contentType.Contains("json", StringComparison.OrdinalIgnoreCase) || contentType.Contains("javascript", StringComparison.OrdinalIgnoreCase) ? Json
        : contentType.StartsWith("text/plain", StringComparison.OrdinalIgnoreCase) ? Text
        : Html; // also what a browser may take for markup

    /// <summary>Escapes a text of the settings.</summary>
    public virtual string OfLiteral(string text) => text;

    /// <summary>Escapes the value of a placeholder, which is the request's.</summary>
    public abstract string OfValue(Placeholder placeholder, in RequestWords request);

    private sealed class InText(Func<string, string> encode) : Escaping
    {
        public override string OfValue(Placeholder placeholder, in RequestWords request) => encode(placeholder.Read(request));
    }

    private sealed class InField : Escaping
    {
        public override string OfLiteral(string text) => Clean(text);

        public override string OfValue(Placeholder placeholder, in RequestWords request) => Clean(placeholder.Read(request));

        /// <remarks>Line ends would begin another field; Go, and so Caddy, writes blanks in their place. The server writes a character as a byte.</remarks>
        private static string Clean(string text)
        {
            if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                return text;
            }

            var bytes = Encoding.UTF8.GetBytes(text);
            return string.Create(bytes.Length, bytes, static (characters, bytes) =>
            {
                for (var i = 0; i < bytes.Length; i++)
                {
                    characters[i] = bytes[i] is < (byte)' ' or 0x7f ? ' ' : (char)bytes[i];
                }
            });
        }
    }

    private sealed class InUrl : Escaping
    {
        public override string OfLiteral(string text) => Encode(text, _url);

        public override string OfValue(Placeholder placeholder, in RequestWords request) =>
            Encode(placeholder.Read(request), placeholder.IsEncoded ? _url : _path);
    }

    private sealed class InTarget : Escaping
    {
        public override string OfLiteral(string text) => Encode(text, _url);

        public override string OfValue(Placeholder placeholder, in RequestWords request) =>
            placeholder.IsEncoded ? Encode(placeholder.Read(request), _url)
            : placeholder.IsPath ? RequestPath.Of(request.Target).ToString()
            : Encode(placeholder.Read(request), _path);
    }

    private sealed class InParameter : Escaping
    {
        public override string OfLiteral(string text) => Encode(text, _url);

        public override string OfValue(Placeholder placeholder, in RequestWords request) =>
            Encode(placeholder.Read(request), _unreserved).Replace("%20", "+", StringComparison.Ordinal);
    }

    /// <summary>RFC 3986 section 2.3.</summary>
    private static readonly SearchValues<char> _unreserved = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~");

    /// <summary>RFC 3986 section 2, without the fragment's #; what is no character of a URL is a way out of it.</summary>
    private static readonly SearchValues<char> _url =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%");

    /// <summary>Section 3.3: of a decoded path, in which a % is one.</summary>
    private static readonly SearchValues<char> _path =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@!$&'()*+,;=");

    /// <summary>Percent-encodes, as UTF-8, all but these.</summary>
    private static string Encode(string text, SearchValues<char> kept)
    {
        if (!text.AsSpan().ContainsAnyExcept(kept))
        {
            return text;
        }

        var encoded = new StringBuilder();
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsBmp && kept.Contains((char)rune.Value))
            {
                encoded.Append((char)rune.Value);
                continue;
            }

            var count = rune.EncodeToUtf8(bytes);
            for (var i = 0; i < count; i++)
            {
                encoded.Append('%').Append(bytes[i].ToString("X2", CultureInfo.InvariantCulture));
            }
        }

        return encoded.ToString();
    }
}
