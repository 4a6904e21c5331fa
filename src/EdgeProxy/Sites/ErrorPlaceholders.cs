using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;

namespace EdgeProxy.Sites;

/// <summary>What texts and paths of the settings may ask of an error.</summary>
internal static class ErrorPlaceholders
{
    /// <summary>The status code.</summary>
    public const string Status = "{status}";

    /// <summary>The placeholder for the words of the status code, such as <c>Not Found</c>.</summary>
    public const string StatusText = "{status_text}";

    /// <summary>Puts in what the error says; what the request says is left for later.</summary>
    public static string Fill(string text, int status) => text
        .Replace(StatusText, ReasonPhrases.GetReasonPhrase(status), StringComparison.Ordinal)
        .Replace(Status, status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
