"""Access to Microsoft 365: tokens of an application registered in Microsoft Entra, and Microsoft Graph."""
